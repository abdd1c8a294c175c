"""The plan of a site: everything that its OpenStack is asked for, in order, as plain values."""

from __future__ import annotations

from components.model import HostOutputs, OpenStackPool
from components.nodes.values.openstack import balancer, catalog, machines, network, security
from components.nodes.values.openstack.site import Cloud, Machine, clouds
from components.openstack import Lookup, Ref, Wanted

__all__ = ["Cloud", "address", "api_address", "clouds", "host", "plan"]


def plan(cloud: Cloud) -> list[Lookup | Wanted]:
    """What is looked up and what is made, each after all that it points at."""
    return [
        *catalog.quota(cloud),
        network.external(cloud),
        *catalog.parts(cloud),
        *network.networks(cloud),
        *network.router(cloud),
        *security.groups(cloud),
        *machines.server_groups(cloud),
        *(part for one in cloud.machines() for part in machines.machine(cloud, one)),
        *balancer.balancer(cloud),
    ]


def address(cloud: Cloud, one: Machine) -> Ref:
    """Where a machine is reached over SSH."""
    return machines.address(cloud, one)


def api_address(cloud: Cloud) -> Ref | None:
    """Where the Kubernetes API is reached; None where nothing balances it."""
    return balancer.address(cloud) if cloud.spec.load_balancer else None


def host(one: Machine) -> HostOutputs:
    """A machine as the inventory is told; OpenStack fills in its address."""
    pool: OpenStackPool = one.pool
    return HostOutputs(
        name=one.name,
        pool=pool.id,
        rack=one.rack,
        address="",
        user=pool.user,
        host_key=pool.host_keys.get(one.name),
    )
