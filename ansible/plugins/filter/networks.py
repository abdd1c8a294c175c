"""Which network an address belongs to."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

DOCUMENTATION = """
name: networks
short_description: Tell whether an address lies in one of some networks
description: Gives C(within), true where the address lies in one of the networks.
"""


def within(address: str, networks: Sequence[str]) -> bool:
    """Whether `address` lies in one of `networks` (CIDRs); an IPv4 address mapped into IPv6 counts as IPv4.

    Raises ValueError for what is no address or no network.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(network, strict=False) for network in networks)


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"within": within}
