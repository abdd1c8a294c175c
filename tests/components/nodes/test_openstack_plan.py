"""The plan of a site as plain values, without an SDK. Every point that a real OpenStack refused is here."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from ipaddress import ip_address, ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from components.model import Foundation
from components.model.clouds import room
from components.model.draft import Draft
from components.model.rules import RULES
from components.nodes.values import openstack
from components.nodes.values.openstack import catalog, network, security
from components.openstack import Lookup, Ref, Unusable, Wanted, refs
from tests.support.openstack import clouds, foundation

CLOUDS = clouds()
PLANS = {site: openstack.plan(cloud) for site, cloud in CLOUDS.items()}
EVERY = [part for plan in PLANS.values() for part in plan]


def wanted(kind: str, site: str = "") -> list[Wanted]:
    """The resources of a kind, of one site or of both."""
    plan = PLANS[site] if site else EVERY
    return [part for part in plan if isinstance(part, Wanted) and part.kind.rsplit(".", 1)[-1] == kind]


def part(key: str) -> Any:
    return next(one for one in EVERY if one.key == key)


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
    for plan in PLANS.values():
        before: set[str] = set()
        for one in plan:
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


def test_an_instance_names_its_networks_and_never_groups() -> None:
    for one in wanted("Instance"):
        assert one.inputs["networks"]
        assert all(set(net) == {"port"} for net in one.inputs["networks"])
        assert "security_groups" not in one.inputs, "by id they read back as names"
        assert one.inputs["config_drive"] is True
        assert not {"user_data", "admin_pass"} & set(one.inputs)


def test_what_is_there_already_is_looked_up() -> None:
    names = {one.key for one in EVERY if isinstance(one, Lookup)}
    assert names == {
        *(f"{site}/{what}" for site in ("east", "west") for what in ("project", "quota")),
        "east/external",
        "east/zone/hall-a",
        "east/zone/hall-a2",
        "west/external",
        "west/key-pair/ops",
        "west/image/debian-13",
        "west/flavor/m1.large",
    }
    edge = part("edge-0").inputs
    assert (edge["flavor_id"], edge["image_id"]) == (
        Ref(key="west/flavor/m1.large"),
        Ref(key="west/image/debian-13"),
    )
    assert not {"flavor_name", "image_name"} & {name for one in wanted("Instance") for name in one.inputs}


def test_an_external_network_without_a_subnet_is_refused() -> None:
    pick = network.external(CLOUDS["east"]).pick
    assert pick(SimpleNamespace(id="1", subnets=["s"])) == "1"
    with pytest.raises(Unusable, match="site east: externalNetwork: public has no subnet"):
        pick(SimpleNamespace(id="1", subnets=[]))


def test_a_quota_that_is_too_small_is_refused() -> None:
    pick = part("east/quota").pick
    enough = {"id": "1", "instances": 5, "cores": 24, "ram": 3 * 32 * 1024}
    assert pick(SimpleNamespace(**enough)) == "1"
    assert pick(SimpleNamespace(**enough | {"cores": -1})) == "1", "-1 is no limit"
    for name, most in (("instances", 4), ("cores", 23), ("ram", 98303)):
        words = f"need {enough[name]} {name}, the quota of the project is {most}"
        with pytest.raises(Unusable, match=words):
            pick(SimpleNamespace(**enough | {name: most}))


def test_an_unknown_availability_zone_is_refused() -> None:
    pick = part("east/zone/hall-a2").pick
    assert pick(SimpleNamespace(names=["hall-a2", "nova"])) == "hall-a2"
    words = (
        "site east: availabilityZones: Nova has none that is called hall-a2 and available. Use one of: nova."
    )
    with pytest.raises(Unusable, match=re.escape(words)):
        pick(SimpleNamespace(names=["nova"]))


def test_a_rack_may_be_an_availability_zone() -> None:
    east, west = CLOUDS["east"], CLOUDS["west"]
    assert [catalog.availability_zone(east, rack) for rack in ("a1", "a2")] == ["hall-a", "hall-a2"]
    assert catalog.availability_zone(west, "b1") is None
    assert "availability_zone" not in part("edge-0").inputs
    assert part("gpu-1").inputs["availability_zone"] == Ref(key="east/zone/hall-a2")


def test_machines_are_kept_apart() -> None:
    policies = {one.key: one.inputs["policies"] for one in wanted("ServerGroup")}
    assert policies == {
        "east/servers/control-plane": "anti-affinity",
        "east/servers/gpu": "soft-anti-affinity",
        "west/servers/edge": "soft-anti-affinity",
    }
    hints = {one.key: one.inputs["scheduler_hints"][0]["group"].key for one in wanted("Instance")}
    assert hints["control-0"] == hints["control-2"] == "east/servers/control-plane"
    assert hints["gpu-0"] == "east/servers/gpu"


def test_a_hard_rule_never_meets_bare_metal() -> None:
    """Nova counts all nodes of one Ironic service as one host: the second node would find no place."""
    found = foundation()
    metal = found.pools[0].model_copy(update={"flavor": "bm.gpu"})
    changed: Foundation = found.model_copy(update={"pools": (metal, *found.pools[1:])})
    plan = openstack.plan(clouds(changed)["east"])
    group = next(one for one in plan if one.key == "east/servers/control-plane")
    assert group.inputs["policies"] == "soft-anti-affinity"


def test_bare_metal_is_asked_for_by_its_class_alone() -> None:
    assert part("east/flavor/bm.gpu").inputs == {
        "name": "bm.gpu",
        "vcpus": 64,
        "ram": 512 * 1024,
        "disk": 400,
        "is_public": True,
        "extra_specs": {
            "trait:CUSTOM_UEFI": "required",
            "trait:HW_CPU_X86_AVX2": "required",
            "resources:CUSTOM_GPU": "1",
            "resources:VCPU": "0",
            "resources:MEMORY_MB": "0",
            "resources:DISK_GB": "0",
        },
    }
    assert "extra_specs" not in part("east/flavor/vm.control").inputs


def test_volumes_encrypt_and_outlive_their_machines() -> None:
    for one in wanted("Volume"):
        assert one.inputs["volume_type"] == "luks"
        assert one.inputs["metadata"]["bastide:encrypted"] == "true"
    assert {one.key: one.inputs["size"] for one in wanted("Volume")}["east/volume/gpu-0/0"] == 1024
    booted = [one for one in wanted("Instance") if "block_devices" in one.inputs]
    assert {one.key for one in booted} == {"control-0", "control-1", "control-2"}
    for one in booted:
        (disk,) = one.inputs["block_devices"]
        assert disk["delete_on_termination"] is False
        assert disk["uuid"] == Ref(key=f"east/volume/{one.key}/root")
        assert "image_id" not in one.inputs


def test_everything_says_whose_it_is() -> None:
    """As tags where they are taken, else as metadata; never an empty list, which reads back as none."""
    plain = {"Keypair", "Flavor", "RouterInterface", "SecGroupRule", "ServerGroup", "VolumeAttach", "Monitor"}
    for one in (part for part in EVERY if isinstance(part, Wanted)):
        if one.kind.rsplit(".", 1)[-1] in plain:
            assert "tags" not in one.inputs
            continue
        told = one.inputs.get("tags") or [f"{k}={v}" for k, v in one.inputs["metadata"].items()]
        assert {"bastide:environment=duo", "bastide:block=nodes", "bastide:layer=foundation"} <= set(told)
        assert all(len(tag) <= 60 and not set(tag) & {"/", ","} for tag in one.inputs.get("tags", ()))
        assert one.inputs.get("tags", ["sorted"]) == sorted(one.inputs.get("tags", ["sorted"]))
    assert all(re.fullmatch(r"[a-zA-Z0-9-_:. ]{1,255}", key) for key in part("gpu-0").inputs["metadata"])
    assert part("gpu-0").inputs["metadata"]["bastide:rack"] == "a1"


def test_an_image_is_private_and_says_its_digest() -> None:
    (image,) = wanted("Image")
    assert image.inputs["visibility"] == "private", "an ordinary member may not make it public"
    assert image.inputs["disk_format"] == "qcow2"
    assert image.inputs["properties"] == {"bastide_digest": f"sha256:{'b' * 64}"}


def test_the_api_is_balanced_over_the_control_plane() -> None:
    assert part("east/balancer").inputs["vip_address"] == "10.10.0.5"
    listener = part("east/balancer/listener").inputs
    assert (listener["protocol"], listener["protocol_port"]) == ("TCP", 6443)
    assert listener["allowed_cidrs"] == ["10.8.0.0/16", "10.64.0.0/12", "10.10.0.0/24"], "its own family only"
    members = {one.key: one.inputs["address"] for one in wanted("Member")}
    assert members == {
        f"east/balancer/member/control-{i}": Ref(
            key=f"east/port/control-{i}/machines", output="all_fixed_ips", index=0
        )
        for i in range(3)
    }
    assert not wanted("LoadBalancer", "west")
