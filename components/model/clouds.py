"""Rules on sites and pools of OpenStack: what it would refuse half-way is refused before anything is made."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from components.model.checks import unknown
from components.model.document import Path_
from components.model.draft import FOUNDATION, Draft
from components.model.errors import ConfigProblem
from components.model.foundation import Foundation, Network
from components.model.openstack import OpenStackVolume
from components.model.pools import OpenStackPool
from components.model.sites import whole

_RESERVED: Final = 9
"""Addresses of a network that no machine gets: the gateway's, and some for balancers."""
_NO_NETWORKS: Final = ("pods", "services")


def openstack_pools(foundation: Foundation | None) -> Iterator[tuple[int, OpenStackPool]]:
    """Pools of OpenStack with their places in the list."""
    for i, pool in enumerate(foundation.pools if foundation else ()):
        if isinstance(pool, OpenStackPool):
            yield i, pool


def first_machine_address(cidr: IPv4Network | IPv6Network) -> IPv4Address | IPv6Address:
    """The first address of a network that a machine may get. Raises `IndexError` where there is none."""
    return cidr[_RESERVED + 1]


def room(cidr: IPv4Network | IPv6Network) -> int:
    """How many machines a network has addresses for."""
    ends = 1 if cidr.version == 4 else 0
    return max(0, cidr.num_addresses - _RESERVED - 1 - ends)


def places(draft: Draft) -> Iterator[ConfigProblem]:
    """A pool's machines are made in a site, which has an OpenStack."""
    found = draft.foundation
    for i, pool in openstack_pools(found):
        zone = next((one for one in found.environment.zones if one.id == pool.zone), None) if found else None
        if found is None or zone is None:
            continue
        site = found.site_of(zone.id)
        if (site is None and zone.site is None) or (site is not None and site.openstack is None):
            rule = "must be a zone whose `site` has `openstack`: its machines are made there"
            mend = "Add `site:` to the zone, and the site with `openstack:` to `bastide:sites`."
            yield draft.problem(FOUNDATION, ("pools", i, "zone"), pool.zone, rule, mend)


def networks(draft: Draft) -> Iterator[ConfigProblem]:
    """A pool's networks are for machines, in its zone, of one site, and one of them has the default route."""
    if draft.foundation is None:
        return
    known = {
        network.id: network for network in reversed(draft.foundation.networks)
    }  # the first of a name counts
    routed = {pool.network: pool.id for _, pool in openstack_pools(draft.foundation)}
    homes: dict[str, str] = {}
    for i, pool in openstack_pools(draft.foundation):
        more = [(("pools", i, "moreNetworks", j), name) for j, name in enumerate(pool.more_networks)]
        yield from unknown(draft, FOUNDATION, more, "the id of a network", known)
        for path, name in [(("pools", i, "network"), pool.network), *more]:
            if name in known:
                yield from _network(draft, path, known[name], pool)
                yield from _one_site(draft, path, name, pool, homes)
        for j, (path, name) in enumerate(more):
            if name == pool.network or name in pool.more_networks[:j]:
                yield draft.problem(FOUNDATION, path, name, "must be named once in a pool", "Remove it here.")
            elif name in routed:
                rule = f"must not have the default route of the pool `{routed[name]}`: a machine has one"
                yield draft.problem(FOUNDATION, path, name, rule, "Make it the pool's `network`.")


def _network(draft: Draft, path: Path_, network: Network, pool: OpenStackPool) -> Iterator[ConfigProblem]:
    if network.role in _NO_NETWORKS:
        rule = f"must not be a network of role `{network.role}`: Kubernetes hands its addresses out"
        mend = "Choose one of role `management`, `fabric`, `storage` or `public`."
        yield draft.problem(FOUNDATION, path, network.id, rule, mend)
    if network.zone not in (None, pool.zone):
        rule = f"must be a network of the zone `{pool.zone}`, or of no zone; it is of `{network.zone}`"
        yield draft.problem(FOUNDATION, path, network.id, rule, "Choose a network of the pool's zone.")


def _one_site(
    draft: Draft, path: Path_, name: str, pool: OpenStackPool, homes: dict[str, str]
) -> Iterator[ConfigProblem]:
    site = draft.foundation.site_of(pool.zone) if draft.foundation else None
    if site and homes.setdefault(name, site.id) != site.id:
        rule = f"must be used in one site only: a pool of site `{homes[name]}` has it too"
        yield draft.problem(FOUNDATION, path, name, rule, "Declare a network of its own for each site.")


def rooms(draft: Draft) -> Iterator[ConfigProblem]:
    """A network has an address for each machine on it."""
    if draft.foundation is None:
        return
    for j, network in enumerate(draft.foundation.networks):
        on_it = [
            pool
            for _, pool in openstack_pools(draft.foundation)
            if network.id in (pool.network, *pool.more_networks)
        ]
        wanted, there = sum(pool.count for pool in on_it), room(network.cidr)
        if wanted > there:
            rule = f"must have room for {wanted} machines; without the first {_RESERVED + 1} it has {there}"
            yield draft.problem(
                FOUNDATION, ("networks", j, "cidr"), network.cidr, rule, "Choose a wider one."
            )


def families(draft: Draft) -> Iterator[ConfigProblem]:
    """Administrators reach a machine in its own IP family; floating addresses are IPv4."""
    if draft.foundation is None:
        return
    known = {network.id: network.cidr.version for network in draft.foundation.networks}
    ranges = draft.foundation.hosts.administration if draft.foundation.hosts else ()
    for i, pool in openstack_pools(draft.foundation):
        version = known.get(pool.network)
        path: Path_ = ("pools", i, "network")
        if version == 6 and pool.floating:
            rule = "must not come with `floating: true`: floating addresses are IPv4, the network is IPv6"
            mend = "Remove `floating`, or choose an IPv4 network."
            yield draft.problem(FOUNDATION, path, pool.network, rule, mend)
        elif version and ranges and version not in {each.version for each in ranges}:
            rule = f"must be of an IP family of `hosts.administration`: SSH never arrives over IPv{version}"
            mend = f"Add an IPv{version} range to `hosts.administration`, or choose another network."
            yield draft.problem(FOUNDATION, path, pool.network, rule, mend)


def volumes(draft: Draft) -> Iterator[ConfigProblem]:
    """Volumes are of whole GiB, of a type that the site says encrypts."""
    for i, pool in openstack_pools(draft.foundation):
        site = draft.foundation.site_of(pool.zone) if draft.foundation else None
        found: list[tuple[Path_, OpenStackVolume]] = []
        found += [(("pools", i, "rootVolume"), pool.root_volume)] if pool.root_volume else []
        found += [(("pools", i, "volumes", j), volume) for j, volume in enumerate(pool.volumes)]
        for at, volume in found:
            yield from whole(draft, (*at, "size"), volume.size, "GiB")
            if site and site.openstack:
                what = f"one of the `encryptedVolumeTypes` of the site `{site.id}`"
                types = site.openstack.encrypted_volume_types
                yield from unknown(draft, FOUNDATION, [((*at, "type"), volume.type)], what, types)


def flavors(draft: Draft) -> Iterator[ConfigProblem]:
    """A machine offers at most what its flavor has."""
    for i, pool in openstack_pools(draft.foundation):
        site = draft.foundation.site_of(pool.zone) if draft.foundation else None
        made = {each.name: each for each in site.openstack.flavors} if site and site.openstack else {}
        if flavor := made.get(pool.flavor):
            for key, asked, has in (
                ("cpu", pool.machine.cpu.value, Decimal(flavor.vcpus)),
                ("memory", pool.machine.memory.value, flavor.memory.value),
            ):
                if asked > has:
                    rule = f"must be at most what the flavor `{flavor.name}` has"
                    path: Path_ = ("pools", i, "machine", key)
                    mend = "Lower it, or choose a larger flavor."
                    yield draft.problem(FOUNDATION, path, getattr(pool.machine, key), rule, mend)


def host_keys(draft: Draft) -> Iterator[ConfigProblem]:
    """Host keys are those of machines of the pool."""
    for i, pool in openstack_pools(draft.foundation):
        names = {f"{pool.id}-{index}" for index in range(pool.count)}
        named = (((("pools", i, "hostKeys", name)), name) for name in pool.host_keys)
        yield from unknown(draft, FOUNDATION, named, "the name of a machine of its pool", names)


def balancers(draft: Draft) -> Iterator[ConfigProblem]:
    """What balances the API has members, and an address where they are."""
    found = draft.foundation
    for i, site in enumerate(found.sites if found else ()):
        if found is None or site.openstack is None or not site.openstack.load_balancer:
            continue
        path: Path_ = ("sites", i, "openstack", "loadBalancer")
        served = [
            pool
            for _, pool in openstack_pools(found)
            if pool.control_plane and pool.count and found.site_of(pool.zone) == site
        ]
        if not served:
            rule = "must not be true where no machine of the site's OpenStack pools has `controlPlane: true`"
            yield draft.problem(FOUNDATION, path, True, rule, "Remove it, or set `controlPlane` on a pool.")
        elif found.hosts:
            cidrs = [network.cidr for network in found.networks if network.id == served[0].network]
            yield from _endpoint(draft, found.hosts.control_plane.endpoint, served[0], cidrs)


def _endpoint(
    draft: Draft, endpoint: str, pool: OpenStackPool, cidrs: list[IPv4Network | IPv6Network]
) -> Iterator[ConfigProblem]:
    try:
        address = ipaddress.ip_address(endpoint)
    except ValueError:
        return  # a name: the site's outputs tell where it must point
    for cidr in cidrs:
        if address not in cidr or not 1 < int(address) - int(cidr[0]) <= _RESERVED:
            rule = f"must be an address that `{pool.network}` ({cidr}) keeps for the load balancer, or a name"
            mend = f"Choose one from {cidr[2]} to {cidr[_RESERVED]}."
            yield draft.problem(FOUNDATION, ("hosts", "controlPlane", "endpoint"), endpoint, rule, mend)


RULES = (places, networks, rooms, families, volumes, flavors, host_keys, balancers)
