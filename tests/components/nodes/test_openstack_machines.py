"""Machines in the plan of a site: networks, groups, volumes, flavors, tags, and what is looked up."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from components.model import Foundation
from components.nodes.values import openstack
from components.nodes.values.openstack import catalog, network
from components.openstack import Lookup, Ref, Unusable, Wanted
from tests.support.openstack import clouds, foundation, part, planned, wanted


def test_an_instance_names_its_networks_and_never_groups() -> None:
    for one in wanted("Instance"):
        assert one.inputs["networks"]
        assert all(set(net) == {"port"} for net in one.inputs["networks"])
        assert "security_groups" not in one.inputs, "by id they read back as names"
        assert one.inputs["config_drive"] is True
        assert not {"user_data", "admin_pass"} & set(one.inputs)


def test_what_is_there_already_is_looked_up() -> None:
    names = {one.key for one in planned() if isinstance(one, Lookup)}
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
    pick = network.external(clouds()["east"]).pick
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
    east, west = clouds()["east"], clouds()["west"]
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


@pytest.mark.parametrize("flavor", ["bm.gpu", "there-already"])
def test_a_hard_rule_never_meets_what_may_be_bare_metal(flavor: str) -> None:
    """Nova counts all nodes of one Ironic service as one host: the second node would find no place."""
    found = foundation()
    metal = found.pools[0].model_copy(update={"flavor": flavor})
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
    for one in (one for one in planned() if isinstance(one, Wanted)):
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
