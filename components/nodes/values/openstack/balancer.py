"""The load balancer of the Kubernetes API (Octavia)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from components.nodes.values.openstack import machines, network, security
from components.nodes.values.openstack.site import Cloud
from components.openstack import Ref, Wanted

_DELAY: Final = 5
"""Seconds between two checks of a member; three that fail take it out."""


def address(cloud: Cloud) -> Ref:
    """Where the API is reached in this site."""
    return Ref(key=cloud.key("balancer"), output="vip_address")


def balancer(cloud: Cloud) -> Iterator[Wanted]:
    """Balancer, listener, pool, monitor and members.

    Each waits for the one before: while one is made, a balancer takes no other change.
    """
    if not cloud.spec.load_balancer or cloud.foundation.hosts is None:
        return
    served = [one for one in cloud.machines() if one.pool.control_plane]
    net = cloud.network(served[0].pool.network)
    api, tags = cloud.foundation.hosts.control_plane, cloud.tags()
    named: dict[str, Any] = {"name": cloud.name(cloud.id, "api"), "tags": tags}
    subnet = Ref(key=cloud.key("subnet", net.id))
    yield Wanted(
        key=cloud.key("balancer"),
        kind="loadbalancer.LoadBalancer",
        inputs={**named, "vip_subnet_id": subnet, **_wanted_address(api.endpoint)},
        after=(network.interface(cloud, net.id),),
    )
    yield Wanted(
        key=cloud.key("balancer", "listener"),
        kind="loadbalancer.Listener",
        inputs={
            **named,
            "loadbalancer_id": Ref(key=cloud.key("balancer")),
            "protocol": "TCP",
            "protocol_port": api.port,
            "allowed_cidrs": [
                str(cidr) for cidr in security.api_callers(cloud) if cidr.version == net.cidr.version
            ],
        },
    )
    pool = Ref(key=cloud.key("balancer", "pool"))
    yield Wanted(
        key=pool.key,
        kind="loadbalancer.Pool",
        inputs={
            **named,
            "listener_id": Ref(key=cloud.key("balancer", "listener")),
            "protocol": "TCP",
            "lb_method": "ROUND_ROBIN",
        },
    )
    last = cloud.key("balancer", "monitor")
    yield Wanted(
        key=last,
        kind="loadbalancer.Monitor",
        inputs={
            "name": named["name"],
            "pool_id": pool,
            "type": "TCP",
            "delay": _DELAY,
            "timeout": _DELAY - 1,
            "max_retries": 3,
        },
    )
    for one in served:
        inputs = {
            "name": one.name,
            "pool_id": pool,
            "address": machines.port_address(cloud, one),
            "protocol_port": api.port,
            "subnet_id": Ref(key=cloud.key("subnet", one.pool.network)),
            "tags": tags,
        }
        yield Wanted(
            key=cloud.key("balancer", "member", one.name),
            kind="loadbalancer.Member",
            inputs=inputs,
            after=(last,),
        )
        last = cloud.key("balancer", "member", one.name)


def _wanted_address(endpoint: str) -> dict[str, str]:
    """The address that machines are configured with, where it is one; a name is DNS's to point here."""
    try:
        return {"vip_address": str(ipaddress.ip_address(endpoint))}
    except ValueError:
        return {}
