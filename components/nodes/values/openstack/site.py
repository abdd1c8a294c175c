"""One site's OpenStack as the plan needs it: pools and networks, and the names and tags of all it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

from components import naming
from components.model import Bytes, Foundation, Network, OpenStackPool, OpenStackSite
from components.nodes.values.simulated import node_name

GIB: Final = Decimal(1024**3)
MIB: Final = Decimal(1024**2)
TAG_MAX: Final = 60
"""Characters of a tag: the least that Nova and Neutron allow. Nova takes neither `/` nor `,` in one."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine of a pool: `name` is that of the node and of the server."""

    name: str
    rack: str
    pool: OpenStackPool


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A site with its OpenStack; `id` is the site's."""

    id: str
    spec: OpenStackSite
    foundation: Foundation

    @cached_property
    def pools(self) -> tuple[OpenStackPool, ...]:
        """The pools whose machines are made here."""
        return tuple(
            pool
            for pool in self.foundation.pools
            if isinstance(pool, OpenStackPool) and self._is_here(pool.zone)
        )

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The networks that are made here: those that the pools name."""
        used = {name for pool in self.pools for name in (pool.network, *pool.more_networks)}
        return tuple(network for network in self.foundation.networks if network.id in used)

    @cached_property
    def routed(self) -> frozenset[str]:
        """Ids of the networks with a way out: each machine has one default route."""
        return frozenset(pool.network for pool in self.pools)

    def network(self, network_id: str) -> Network:
        return next(network for network in self.networks if network.id == network_id)

    def machines(self) -> Iterator[Machine]:
        """All machines of all pools; the racks of a pool are filled in turn."""
        for pool in self.pools:
            for index in range(pool.count):
                rack = pool.racks[index % len(pool.racks)]
                yield Machine(name=node_name(pool.id, index), rack=rack, pool=pool)

    def key(self, *parts: str) -> str:
        """The Pulumi name of a resource: two sites may both have a `fabric`."""
        return "/".join((self.id, *parts))

    def name(self, *parts: str) -> str:
        """The name of a resource in OpenStack: two environments may share a project."""
        return naming.join(self.foundation.environment.name, *parts)

    def metadata(self, pool: str | None = None) -> dict[str, str]:
        """What every resource says of itself, as metadata. Nova takes no `/` in a key."""
        told = {"environment": self.foundation.environment.name, "layer": "foundation", "block": "nodes"}
        return {f"bastide:{key}": value for key, value in (told | ({"pool": pool} if pool else {})).items()}

    def tags(self, pool: str | None = None) -> list[str]:
        """The same as tags, in the order in which OpenStack gives them back."""
        return sorted(f"{key}={value}"[:TAG_MAX] for key, value in self.metadata(pool).items())

    def _is_here(self, zone: str) -> bool:
        site = self.foundation.site_of(zone)
        return site is not None and site.id == self.id


def clouds(foundation: Foundation) -> list[Cloud]:
    """The sites on whose OpenStack machines are made."""
    found = [
        Cloud(id=site.id, spec=site.openstack, foundation=foundation)
        for site in foundation.sites
        if site.openstack is not None
    ]
    return [cloud for cloud in found if cloud.pools]


def gibibytes(size: Bytes) -> int:
    """Whole GiB; the rules of the model refuse any other size."""
    return int(size.value / GIB)
