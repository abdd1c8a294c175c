"""The plan of a site as plain values, without an SDK. Every point that a real OpenStack refused is here."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from ipaddress import ip_address, ip_network

from components.model.clouds import room
from components.model.draft import Draft
from components.model.rules import RULES
from components.nodes.values.openstack import security
from components.openstack import Wanted, refs
from policies.registry import rules
from tests.support.configs import bad_cases
from tests.support.openstack import clouds, foundation, planned, wanted
from twin.settings import ROOT


def test_the_sites_obey_the_rules_of_the_model() -> None:
    draft = Draft(
        name="duo",
        documents={},
        foundation=foundation(),
        platform=None,
        tenants={},
        gateways={},
        today=date(2026, 11, 15),
    )
    assert [problem for rule in RULES for problem in rule(draft)] == []


def test_everything_points_at_what_stands_before() -> None:
    for site in clouds():
        before: set[str] = set()
        for one in planned(site):
            after = one.after if isinstance(one, Wanted) else ()
            assert {ref.key for ref in refs(one.inputs)} | set(after) <= before, one.key
            assert one.key not in before
            before.add(one.key)


def test_a_subnet_says_its_family_and_keeps_some_addresses() -> None:
    for one in wanted("Subnet"):
        cidr = ip_network(one.inputs["cidr"])
        assert one.inputs["ip_version"] == cidr.version
        (pool,) = one.inputs["allocation_pools"]
        start, end = ip_address(pool["start"]), ip_address(pool["end"])
        assert start in cidr
        assert end in cidr
        assert int(end) - int(start) + 1 == room(cidr)
        assert one.inputs["dns_nameservers"]
        if "gateway_ip" in one.inputs:
            assert cidr[0] < ip_address(one.inputs["gateway_ip"]) < start


def test_one_default_route_for_each_machine() -> None:
    routed = {one.inputs["subnet_id"].key for one in wanted("RouterInterface")}
    assert routed == {"east/subnet/machines", "west/subnet/edge"}
    assert {one.key for one in wanted("Subnet") if not one.inputs.get("no_gateway")} == routed
    for one in wanted("Instance"):
        nets = [port["port"].key.rsplit("/", 1)[-1] for port in one.inputs["networks"]]
        site = one.inputs["networks"][0]["port"].key.partition("/")[0]
        assert [f"{site}/subnet/{net}" in routed for net in nets] == [True] + [False] * (len(nets) - 1)


def test_every_rule_says_a_protocol_as_openstack_stores_it() -> None:
    rules = [one.inputs for one in wanted("SecGroupRule")]
    assert rules
    for rule in rules:
        version = int(rule["ethertype"][-1])
        icmp = {4: "icmp", 6: "ipv6-icmp"}[version]
        assert rule["protocol"] in {"tcp", "udp", icmp}
        assert (
            ("port_range_min" in rule) == ("port_range_max" in rule) == (rule["protocol"] in {"tcp", "udp"})
        )
        if "remote_ip_prefix" in rule:
            assert ip_network(rule["remote_ip_prefix"]).version == version


def test_no_rule_is_there_twice_and_none_lets_everybody_in() -> None:
    told = Counter(
        (
            rule.inputs["security_group_id"].key,
            *(str(v) for k, v in sorted(rule.inputs.items()) if k != "security_group_id"),
        )
        for rule in wanted("SecGroupRule")
    )
    assert set(told.values()) == {1}
    for rule in wanted("SecGroupRule"):
        if rule.inputs["direction"] == "ingress":
            assert ip_network(rule.inputs["remote_ip_prefix"]).prefixlen > 0
    assert {one.inputs["delete_default_rules"] for one in wanted("SecGroup")} == {True}


def test_overlapping_ranges_become_one_rule() -> None:
    """Administrators who sit in the machines' own range are no duplicate rule, which Neutron refuses."""
    found = foundation()
    assert found.hosts
    inside = ip_network("10.10.0.0/24")
    hosts = found.hosts.model_copy(update={"administration": (inside, inside)})
    cloud = clouds(found.model_copy(update={"hosts": hosts}))["east"]
    names = [one.key for one in security.groups(cloud)]
    assert len(names) == len(set(names))
    assert len([name for name in names if "tcp/22/" in name]) == 1


def callers(site: str, group: str, port: int) -> set[str]:
    return {
        one.inputs["remote_ip_prefix"]
        for one in wanted("SecGroupRule", site)
        if one.inputs["security_group_id"].key == f"{site}/group/{group}"
        and one.inputs.get("port_range_max") == port
        and one.inputs["direction"] == "ingress"
    }


def test_who_reaches_what() -> None:
    administrators = {"10.8.0.0/16", "fd00:8::/64"}
    assert callers("east", "management", 22) == callers("west", "public", 22) == administrators
    assert callers("east", "fabric", 22) == callers("east", "storage", 22) == set()
    assert callers("east", "control-plane", 6443) == {*administrators, "10.64.0.0/12", "10.10.0.0/24"}
    assert callers("east", "fabric", 65535) == {"fd00:a::/64"}
    for group in ("fabric", "storage"):
        out = [
            one.inputs
            for one in wanted("SecGroupRule", "east")
            if one.inputs["security_group_id"].key == f"east/group/{group}"
        ]
        assert all("remote_ip_prefix" in rule for rule in out), "nothing leaves it"


def test_a_port_has_the_group_of_its_network() -> None:
    held = {one.key: [ref.key for ref in one.inputs["security_group_ids"]] for one in wanted("Port")}
    assert held["east/port/control-0/machines"] == ["east/group/management", "east/group/control-plane"]
    assert held["east/port/gpu-0/machines"] == ["east/group/management"]
    assert held["east/port/gpu-0/fabric"] == ["east/group/fabric"]
    assert held["west/port/edge-0/edge"] == ["west/group/public"]
    for one in wanted("Port"):
        assert one.inputs["port_security_enabled"] is True
        assert [ref["subnet_id"].key.rsplit("/", 1)[-1] for ref in one.inputs["fixed_ips"]] == [
            one.inputs["network_id"].key.rsplit("/", 1)[-1]
        ]


def test_the_reference_names_tests_that_exist() -> None:
    """docs/reference/openstack.md: each point with what keeps it away and what shows it."""
    page = (ROOT / "docs" / "reference" / "openstack.md").read_text()
    points = [line for line in page.splitlines() if line.startswith("| ") and "`test_" in line]
    assert len(points) >= 20
    cases = {f"test_bad_files_are_refused[{case.name}]" for case in bad_cases()}
    for file, test in re.findall(r"`(test_[a-z_]+\.py)::([^`]+)`", page):
        (path,) = (ROOT / "tests").rglob(file)
        assert test in cases or f"def {test}(" in path.read_text(), test
    for rule in re.findall(r"charter `([a-z-]+)`", page):
        assert rule in {one.id for one in rules()}
