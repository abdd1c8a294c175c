"""Networks, subnets and the router of a site."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from components.model import Network
from components.model.clouds import first_machine_address
from components.nodes.values.openstack.site import Cloud
from components.openstack import Lookup, Ref, Unusable, Wanted

EXTERNAL = "external"


def external(cloud: Cloud) -> Lookup:
    """The network with the way out: it is the administrator's, and must have a subnet for the gateway."""
    name = cloud.spec.external_network

    def pick(found: Any) -> str:
        if not found.subnets:
            raise Unusable(
                f"site {cloud.id}: externalNetwork: {name} has no subnet, so a router gets no address on it. "
                "Ask the administrator of the cloud for one."
            )
        return str(found.id)

    inputs = {"name": name, "external": True}
    return Lookup(key=cloud.key(EXTERNAL), kind="networking.get_network", inputs=inputs, pick=pick)


def networks(cloud: Cloud) -> Iterator[Wanted]:
    """Each network with its subnet."""
    for network in cloud.networks:
        yield Wanted(
            key=cloud.key("network", network.id),
            kind="networking.Network",
            inputs={
                "name": cloud.name(network.id),
                "admin_state_up": True,
                "port_security_enabled": True,
                "tags": cloud.tags(),
            },
        )
        yield Wanted(
            key=cloud.key("subnet", network.id),
            kind="networking.Subnet",
            inputs={
                "name": cloud.name(network.id),
                "network_id": Ref(key=cloud.key("network", network.id)),
                "cidr": str(network.cidr),
                "ip_version": network.cidr.version,
                "enable_dhcp": True,
                "dns_nameservers": list(cloud.spec.name_servers),
                "allocation_pools": [allocation(network.cidr)],
                **_way_out(cloud, network),
                "tags": cloud.tags(),
            },
        )


def _way_out(cloud: Cloud, network: Network) -> dict[str, Any]:
    """The gateway of a network with the default route; routers announce IPv6, addresses come by DHCP."""
    if network.id not in cloud.routed:
        return {"no_gateway": True}
    way: dict[str, Any] = {"gateway_ip": str(network.cidr[1])}
    if network.cidr.version == 6:
        way |= {"ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
    return way


def allocation(cidr: IPv4Network | IPv6Network) -> dict[str, str]:
    """The addresses that machines get: the first few are kept for the gateway and a balancer."""
    last = cidr[-2] if cidr.version == 4 else cidr[-1]
    return {"start": str(first_machine_address(cidr)), "end": str(last)}


def router(cloud: Cloud) -> Iterator[Wanted]:
    """The way out of the networks with the default route."""
    yield Wanted(
        key=cloud.key("router"),
        kind="networking.Router",
        inputs={
            "name": cloud.name(cloud.id),
            "admin_state_up": True,
            "external_network_id": Ref(key=cloud.key(EXTERNAL)),
            "tags": cloud.tags(),
        },
    )
    for network in cloud.networks:
        if network.id in cloud.routed:
            yield Wanted(
                key=interface(cloud, network.id),
                kind="networking.RouterInterface",
                inputs={
                    "router_id": Ref(key=cloud.key("router")),
                    "subnet_id": Ref(key=cloud.key("subnet", network.id)),
                },
            )


def interface(cloud: Cloud, network: str) -> str:
    """The key of the router's interface in a network."""
    return cloud.key("interface", network)
