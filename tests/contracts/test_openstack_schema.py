"""Every input of every OpenStack resource is one that the provider's own schema knows, and of its type."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.openstack import deployed, schema, wrong

pytestmark = pytest.mark.filterwarnings("ignore:openstack.index:DeprecationWarning")

KINDS = {
    "FloatingIp",
    "Flavor",
    "Image",
    "Instance",
    "Keypair",
    "Listener",
    "LoadBalancer",
    "Member",
    "Monitor",
    "Network",
    "Pool",
    "Port",
    "Router",
    "RouterInterface",
    "SecGroup",
    "SecGroupRule",
    "ServerGroup",
    "Subnet",
    "Volume",
    "VolumeAttach",
}


def test_every_input_is_one_of_the_provider() -> None:
    schema()
    found = [
        one for one in deployed().resources if "openstack:" in one.type or one.type.endswith(":openstack")
    ]
    assert {one.type.rsplit(":", 1)[-1] for one in found} == KINDS | {"openstack"}
    assert {one.name: problems for one in found if (problems := wrong(one.type, one.inputs))} == {}


SUBNET = {"networkId": "n", "cidr": "10.0.0.0/24", "ipVersion": 4}


@pytest.mark.parametrize(
    ("type_", "inputs", "problem"),
    [
        ("openstack:networking/subnet:Subnet", {"cidr": "10.0.0.0/24"}, "networkId is missing"),
        ("openstack:networking/subnet:Subnet", {**SUBNET, "zone": "a"}, "zone is none of its inputs"),
        ("openstack:networking/subnet:Subnet", {**SUBNET, "ipVersion": "4"}, "ipVersion is no integer"),
        ("openstack:networking/subnet:Subnet", {**SUBNET, "ipVersion": True}, "ipVersion is no integer"),
        (
            "openstack:networking/subnet:Subnet",
            {**SUBNET, "allocationPools": [{"start": "10.0.0.9"}]},
            "allocationPools[0].end is missing",
        ),
        (
            "openstack:compute/instance:Instance",
            {"metadata": {"pool": 1}},
            "metadata.pool is no string",
        ),
        ("openstack:compute/server:Server", {}, "openstack:compute/server:Server is none of the provider's"),
    ],
)
def test_the_check_can_fail(type_: str, inputs: dict[str, Any], problem: str) -> None:
    schema()
    assert wrong(type_, inputs) == [problem]
