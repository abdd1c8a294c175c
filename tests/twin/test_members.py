"""The command lines: loopback only, TLS everywhere, nobody anonymous."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twin.controlplane.configs import ADMISSION, AUDIT, AUTHENTICATION
from twin.controlplane.layout import STAGES, Layout
from twin.controlplane.members import MEMBERS, Member, members
from twin.controlplane.ports import HOST, Ports

PORTS = Ports(apiserver=7001, etcd=7002, etcd_peer=7003, controller_manager=7004, scheduler=7005, kwok=7006)


@pytest.fixture
def plan() -> dict[str, Member]:
    programs = {name: Path("/programs") / name for name in MEMBERS}
    return {member.name: member for member in members(Layout(Path("/home")), PORTS, programs)}


def flag(member: Member, name: str) -> str:
    values = [arg.partition("=")[2] for arg in member.argv if arg.partition("=")[0] == f"--{name}"]
    assert len(values) == 1, f"{member.name}: {name} given {len(values)} times"
    return values[0]


def test_every_member_starts_in_order(plan: dict[str, Member]) -> None:
    assert tuple(plan) == MEMBERS
    assert [member.argv[0] for member in plan.values()] == [f"/programs/{name}" for name in MEMBERS]


def test_every_address_is_loopback(plan: dict[str, Member]) -> None:
    lines = " ".join(" ".join(member.argv) for member in plan.values())
    addresses = set(re.findall(r"(?<![\d.])\d+\.\d+\.\d+\.\d+", lines))
    assert addresses == {HOST, "10.96.0.0"}, "the second is the range of service addresses"
    assert "localhost" not in lines


def test_every_url_is_https(plan: dict[str, Member]) -> None:
    lines = " ".join(" ".join(member.argv) for member in plan.values())
    assert re.findall(r"\bhttps://", lines)
    assert not re.findall(r"\bhttp://", lines)


@pytest.mark.parametrize("name", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_servers_take_client_certificates_of_our_authority(plan: dict[str, Member], name: str) -> None:
    assert flag(plan[name], "client-ca-file") == "/home/pki/ca.crt"
    assert flag(plan[name], "bind-address") == HOST
    assert flag(plan[name], "tls-min-version") == "VersionTLS12"


def test_etcd_demands_certificates_of_clients_and_peers(plan: dict[str, Member]) -> None:
    assert flag(plan["etcd"], "client-cert-auth") == "true"
    assert flag(plan["etcd"], "peer-client-cert-auth") == "true"
    assert flag(plan["kube-apiserver"], "etcd-cafile") == flag(plan["etcd"], "trusted-ca-file")


def test_the_api_server_judges_every_request(plan: dict[str, Member]) -> None:
    server = plan["kube-apiserver"]
    assert flag(server, "authorization-mode") == "Node,RBAC"
    assert "NodeRestriction" in flag(server, "enable-admission-plugins")
    assert not any(arg.startswith("--anonymous-auth") for arg in server.argv)
    for name in ("audit-policy-file", "encryption-provider-config", "admission-control-config-file"):
        assert flag(server, name).startswith("/home/config/")
    for name in ("audit-log-maxsize", "audit-log-maxbackup", "audit-log-maxage"):
        assert int(flag(server, name)) > 0


def test_anonymous_requests_reach_health_endpoints_only() -> None:
    paths = {condition["path"] for condition in AUTHENTICATION["anonymous"]["conditions"]}
    assert paths == {"/livez", "/readyz", "/healthz"}


def test_the_audit_log_never_holds_bodies() -> None:
    assert {rule["level"] for rule in AUDIT["rules"]} == {"None", "Metadata"}
    assert AUDIT["rules"][-1] == {"level": "Metadata"}


def test_pod_security_tells_and_records_by_default() -> None:
    (plugin,) = ADMISSION["plugins"]
    defaults = plugin["configuration"]["defaults"]
    assert (defaults["enforce"], defaults["warn"], defaults["audit"]) == (
        "privileged",
        "restricted",
        "restricted",
    )
    assert plugin["configuration"]["exemptions"]["namespaces"] == ["kube-system"]


def test_kwok_plays_our_stages_and_only_marked_nodes(plan: dict[str, Member]) -> None:
    configs = {arg.partition("=")[2] for arg in plan["kwok"].argv if arg.startswith("--config=")}
    assert configs == {str(path) for path in STAGES.glob("*.yaml")}
    assert configs
    assert flag(plan["kwok"], "manage-nodes-with-annotation-selector") == "kwok.x-k8s.io/node=fake"
