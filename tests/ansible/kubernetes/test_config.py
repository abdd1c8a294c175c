"""What the role writes, read as kubeadm reads it, and compared with what the benchmark asks for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.running import COLLECTION, run_tasks
from twin.settings import TwinSettings
from twin.toolchain.resolve import find_tools
from twin.toolchain.tools import KUBERNETES, NODE_TOOLS

ROLE = COLLECTION / "roles/kubernetes"
TOKEN, KEY = "abcdef.0123456789abcdef", "ab" * 32
GIVEN: dict[str, Any] = {
    "ansible_facts": {"default_ipv4": {"address": "10.0.0.11", "interface": "eth0"}},
    "groups": {"control_plane": ["h1"]},
    "kubernetes_version": KUBERNETES.version,
    "kubernetes_endpoint": "api.example:6443",
    "kubernetes_control_plane": True,
    "kubernetes_first": "h1",
    "kubernetes_pod_cidr": "10.64.0.0/12",
    "kubernetes_service_cidr": "10.96.0.0/16",
    "kubernetes_token": {"stdout": f"{TOKEN}\n"},
    "kubernetes_lent": {"stdout": f"[upload-certs] Using certificate key:\n{KEY}\n"},
    "kubernetes_authority": {"content": "Q0E="},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "control": {},
    "worker": {
        "kubernetes_control_plane": False,
        "kubernetes_taints": ["a.example/b=c:NoSchedule", "alone:NoExecute"],
        "kubernetes_unchecked": ["SystemVerification"],
    },
    "other": {
        "kubernetes_dns": False,
        "kubernetes_proxy": False,
        "kubernetes_image_pull": "Never",
        "kubernetes_endpoint": "10.0.0.250:6443",
        "kubernetes_oidc": {"issuer": "https://login.example", "audiences": ["bastide"], "username": "email"},
    },
}
_YAML = ("kubeadm", "join", "upgrade", "discovery", "admission", "audit", "authentication")
FILES = (*(f"{name}.yaml" for name in _YAML), "keepalived.conf")
# CIS Kubernetes Benchmark 1.10, section 1.2: what the API server must be told.
APISERVER = {
    "audit-log-maxage": "30",
    "audit-log-maxbackup": "10",
    "audit-log-maxsize": "100",
    "audit-log-path": "/var/log/kubernetes/audit.log",
    "audit-policy-file": "/etc/kubernetes/bastide/audit.yaml",
    "encryption-provider-config": "/etc/kubernetes/bastide/encryption.yaml",
    "kubelet-certificate-authority": "/etc/kubernetes/pki/ca.crt",
    "profiling": "false",
    "tls-min-version": "VersionTLS12",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with every file that the role writes, for each of `VARIANTS`; one run of Ansible for all."""
    root = tmp_path_factory.mktemp("rendered")
    own: dict[str, Any] = {}
    for file in ("defaults/main.yml", "vars/main.yml"):
        own |= yaml.safe_load((ROLE / file).read_text())
    tasks = []
    for variant, variables in VARIANTS.items():
        (root / variant).mkdir()
        look = "{{ lookup('ansible.builtin.template', '%s') }}"
        texts = {file: look % (ROLE / "templates" / f"{file}.j2") for file in FILES}
        written = {
            "content": "{{ texts | to_json }}",
            "dest": str(root / variant / "all.json"),
            "mode": "0600",
        }
        given = {**own, **GIVEN, **variables, "texts": texts}
        tasks.append({"name": "Render", "ansible.builtin.copy": written, "vars": given})
    ran = run_tasks(root, tasks)
    assert ran.status == 0, ran.output
    folders = {variant: root / variant for variant in VARIANTS}
    for folder in folders.values():
        for file, text in json.loads((folder / "all.json").read_text()).items():
            # kubeadm looks for the files that its own name
            (folder / file).write_text(
                text.replace("/etc/kubernetes/bastide/discovery", f"{folder}/discovery")
            )
    return folders


def documents(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((folder / f"{name}.yaml").read_text()))


def flags(component: Mapping[str, Any]) -> dict[str, str]:
    return {flag["name"]: flag["value"] for flag in component["extraArgs"]}


def judge(path: Path) -> str:
    """What kubeadm has against the file; skips where no kubeadm has been built."""
    found = find_tools(TwinSettings.of("tests"), tools=NODE_TOOLS).get("kubeadm")
    if found is None:
        pytest.skip("no kubeadm here: `make test-nodes` builds it")
    command = [str(found.path), "config", "validate", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["kubeadm", "join", "upgrade"])
def test_kubeadm_accepts_all_that_is_written(rendered: dict[str, Path], variant: str, name: str) -> None:
    assert judge(rendered[variant] / f"{name}.yaml") == ""


def test_kubeadm_refuses_a_field_that_it_does_not_know(rendered: dict[str, Path], tmp_path: Path) -> None:
    text = (rendered["control"] / "kubeadm.yaml").read_text()
    path = tmp_path / "kubeadm.yaml"
    path.write_text(text.replace("controlPlaneEndpoint:", "controlPlaneEntrance:"))
    assert "controlPlaneEntrance" in judge(path)


def test_the_control_plane_is_hardened(rendered: dict[str, Path]) -> None:
    _, cluster, kubelet = documents(rendered["control"], "kubeadm")
    api = flags(cluster["apiServer"])
    assert APISERVER.items() <= api.items()
    assert "NodeRestriction" in api["enable-admission-plugins"].split(",")
    assert not [name for name in api["tls-cipher-suites"].split(",") if "CBC" in name or "RC4" in name]
    for member in ("controllerManager", "scheduler"):
        assert flags(cluster[member])["profiling"] == "false"
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}
    assert (kubelet["protectKernelDefaults"], kubelet["serverTLSBootstrap"]) == (True, True)
    (audit,) = documents(rendered["control"], "audit")
    assert audit["rules"][-1] == {"level": "Metadata"}
    assert not [rule for rule in audit["rules"] if rule["level"] in ("Request", "RequestResponse")]


def test_images_that_cannot_be_pulled_again_are_never_collected(rendered: dict[str, Path]) -> None:
    found = {variant: documents(rendered[variant], "kubeadm")[2] for variant in VARIANTS}
    assert found["other"]["imageGCHighThresholdPercent"] == 100  # off
    assert "imageGCHighThresholdPercent" not in found["control"]


def test_strangers_are_known_on_health_pages_only(rendered: dict[str, Path]) -> None:
    (document,) = documents(rendered["control"], "authentication")
    assert {each["path"] for each in document["anonymous"]["conditions"]} == {"/livez", "/readyz", "/healthz"}
    assert "jwt" not in document


def test_people_come_by_the_issuer_that_is_named(rendered: dict[str, Path]) -> None:
    (issuer,) = documents(rendered["other"], "authentication")[0]["jwt"]
    assert issuer["issuer"] == {"url": "https://login.example", "audiences": ["bastide"]}
    assert issuer["claimMappings"]["username"] == {"claim": "email", "prefix": "oidc:"}


def test_taints_are_parsed(rendered: dict[str, Path]) -> None:
    assert documents(rendered["worker"], "join")[0]["nodeRegistration"]["taints"] == [
        {"key": "a.example/b", "value": "c", "effect": "NoSchedule"},
        {"key": "alone", "value": "", "effect": "NoExecute"},
    ]
    first = documents(rendered["control"], "kubeadm")[0]["nodeRegistration"]["taints"]
    assert [(taint["key"], taint["effect"]) for taint in first] == [
        ("node-role.kubernetes.io/control-plane", "NoSchedule")
    ]


def test_only_control_plane_hosts_get_the_key_of_its_certificates(rendered: dict[str, Path]) -> None:
    assert documents(rendered["control"], "join")[0]["controlPlane"]["certificateKey"] == KEY
    (worker,) = documents(rendered["worker"], "join")
    assert "controlPlane" not in worker
    assert worker["discovery"]["tlsBootstrapToken"] == TOKEN


def test_the_host_whose_api_answers_takes_the_shared_address(rendered: dict[str, Path]) -> None:
    text = (rendered["other"] / "keepalived.conf").read_text()
    assert "    virtual_ipaddress {\n        10.0.0.250\n    }" in text
    assert "-connect 127.0.0.1:6443" in text
    assert text.count("{") == text.count("}")
