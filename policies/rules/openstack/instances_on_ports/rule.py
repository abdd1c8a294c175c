"""A machine names its networks by ports: Nova refuses one without networks as soon as there are two."""

from __future__ import annotations

from collections.abc import Iterator

from policies.openstack import INSTANCE
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    networks = obj.get("networks")
    if not networks:
        yield "networks must name a port for each network"
    elif known(networks):
        for index, network in enumerate(networks):
            if known(network) and not network.get("port"):
                yield f"networks[{index}] must be a port of its own"
    groups = obj.get("securityGroups")
    if known(groups) and groups:
        yield "securityGroups must be left to the ports: on a machine they read back changed"


RULE = Rule(
    id="instances-on-ports",
    title="Machines name their networks by ports, which hold the security groups",
    severity="medium",
    controls=("NIST-800-53:SC-7", "NIST-800-53:CM-6", "MLPS-2.0:8.1.2.1"),
    remediation="Make a port in each network, with its security groups, and give the machine the ports.",
    kinds=INSTANCE,
    check=check,
)
