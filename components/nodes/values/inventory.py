"""What Ansible is told of an environment: groups, machines and the variables of the roles.

Pure: the outputs of the foundation and the pinned versions in, the whole inventory or every problem out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.model import FoundationOutputs, HostOutputs, PoolOutputs
from components.model.errors import did_you_mean
from components.nodes.values import variables

CONTROL_PLANE: Final = "control_plane"
_TAKEN: Final = ("all", "ungrouped", "localhost")
"""Names that mean something else to Ansible."""
_NO_WORD = re.compile(r"[^a-z0-9_]")
_NUMBER = re.compile(r"(\d+)")
_SHOWN: Final = 20
"""Problems that are told in full; the others are counted."""


class InventoryError(Exception):
    """The outputs make no inventory. `problems` are all that stand against it, each with its mend."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        rest = len(problems) - _SHOWN
        super().__init__("\n".join([*problems[:_SHOWN], *([f"and {rest} more"] if rest > 0 else [])]))


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Machines in the order in which they are changed, the groups they are in, and variables.

    `groups` maps each group to its machines, `common` holds the variables of all machines, `of_groups` those
    of the members of a group, `of_hosts` those of one machine.
    """

    groups: Mapping[str, tuple[str, ...]]
    common: Mapping[str, Any]
    of_groups: Mapping[str, Mapping[str, Any]]
    of_hosts: Mapping[str, Mapping[str, Any]]

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self.of_hosts)

    def variables(self, host: str) -> dict[str, Any]:
        """All variables of one machine, as Ansible merges them."""
        found = dict(self.common)
        for group, members in self.groups.items():
            if group in self.of_groups and host in members:
                found.update(self.of_groups[group])
        return {**found, **self.of_hosts[host]}


def inventory(outputs: FoundationOutputs, programs: Mapping[str, str], pin: str) -> Inventory:
    """The inventory of an environment's real machines; empty where it has none.

    `programs` are versions by the variable that carries them, `pin` is the path of the script that tells SSH
    whether a host key is the pinned one. Raises `InventoryError` with all that is wrong.
    """
    if problems := list(_problems(outputs)):
        raise InventoryError(problems)
    if not outputs.hosts:
        return Inventory(groups={}, common={}, of_groups={}, of_hosts={})
    pools = {pool.id: pool for pool in outputs.pools}
    groups: dict[str, list[str]] = {}
    of_hosts = {}
    for host in sorted(outputs.hosts, key=lambda host: _order(host, pools[host.pool], outputs)):
        for group in _groups(host, pools[host.pool], outputs):
            groups.setdefault(group, []).append(host.name)
        of_hosts[host.name] = variables.of_host(host, pools[host.pool], pin)
    if CONTROL_PLANE not in groups:
        raise InventoryError([_NO_CONTROL_PLANE])
    common, members = variables.of_all(outputs, programs), variables.of_control_plane(outputs)
    of_groups = {
        group_of("pool", pool.id): variables.of_pool(pool, outputs)
        for pool in outputs.pools
        if group_of("pool", pool.id) in groups
    }
    return Inventory(
        groups={name: tuple(groups[name]) for name in sorted(groups)},
        common={**common, "kubernetes_first": groups[CONTROL_PLANE][0]},
        of_groups={**of_groups, CONTROL_PLANE: members},
        of_hosts=of_hosts,
    )


def group_of(kind: str, name: str) -> str:
    """The group of all that are `name` in one respect, as a name that Ansible takes.

    >>> group_of("zone", "north-1")
    'zone_north_1'
    """
    return f"{kind}_{_NO_WORD.sub('_', name.lower())}"


def _groups(host: HostOutputs, pool: PoolOutputs, outputs: FoundationOutputs) -> Iterator[str]:
    """The groups that a machine is in: by place, by capability, and by the Ansible roles that it gets."""
    yield from (group_of(kind, name) for kind, name in _respects(host, pool, outputs))
    selected = {
        CONTROL_PLANE: pool.control_plane,
        "accelerator": pool.accelerators,
        "rdma": pool.rdma,
        "microvm": variables.microvms(pool),
        "storage": pool.storage,
        "attestation": pool.trust,
    }
    yield from (group for group, wanted in selected.items() if wanted)


def _respects(host: HostOutputs, pool: PoolOutputs, outputs: FoundationOutputs) -> Iterator[tuple[str, str]]:
    yield from (("pool", pool.id), ("role", pool.role), ("zone", pool.zone), ("rack", host.rack))
    if site := outputs.sites.get(pool.zone):
        yield "site", site
    if pool.accelerator:
        for kind in ("vendor", "family", "isa", "kind"):
            yield kind, str(getattr(pool.accelerator, kind))


def _order(host: HostOutputs, pool: PoolOutputs, outputs: FoundationOutputs) -> tuple[Any, ...]:
    """The control plane first, then by site, zone and rack, then by name: `gpu-9` before `gpu-10`."""
    name = [int(part) if part.isdigit() else part for part in _NUMBER.split(host.name)]
    return (not pool.control_plane, outputs.sites.get(pool.zone, ""), pool.zone, host.rack, name)


def _problems(outputs: FoundationOutputs) -> Iterator[str]:
    if outputs.hosts and outputs.settings is None:
        yield f"{outputs.environment}: real machines need settings. Add `bastide:hosts` and deploy again."
    yield from _doubles(outputs)
    yield from _unknown(outputs)
    yield from _confused(outputs)
    networks = [each.id for each in outputs.networks]
    for pool in outputs.pools:
        if pool.rdma and pool.rdma.network not in networks:
            mend = did_you_mean(pool.rdma.network, networks)
            yield f"pool {pool.id}: rdma.network: {pool.rdma.network} is no network. {mend}"
        if pool.kind != "simulated":
            yield from variables.unsupported(pool)
    yield from variables.out_of_zone(outputs)


def _doubles(outputs: FoundationOutputs) -> Iterator[str]:
    for what in ("name", "address"):
        by_value: dict[str, list[str]] = {}
        for host in outputs.hosts:
            by_value.setdefault(str(getattr(host, what)).lower(), []).append(f"{host.name} ({host.pool})")
        for value, those in by_value.items():
            if len(those) > 1:
                yield f"{what} {value} is that of {' and '.join(those)}. Give each machine one of its own."


def _unknown(outputs: FoundationOutputs) -> Iterator[str]:
    pools = {pool.id: pool for pool in outputs.pools}
    for host in outputs.hosts:
        if host.pool not in pools:
            yield f"host {host.name}: pool {host.pool} is not known. {did_you_mean(host.pool, pools)}"
        elif pools[host.pool].kind == "simulated":
            yield f"host {host.name}: pool {host.pool} is simulated. Name a pool of real machines."
    for pool in outputs.pools:
        if pool.zone not in outputs.zones:
            yield f"pool {pool.id}: zone {pool.zone} is not known. {did_you_mean(pool.zone, outputs.zones)}"


def _confused(outputs: FoundationOutputs) -> Iterator[str]:
    """Names that Ansible would take for one another."""
    pools = {pool.id: pool for pool in outputs.pools}
    meant: dict[str, set[str]] = {}
    groups: Counter[str] = Counter(_TAKEN)
    for host in outputs.hosts:
        pool = pools.get(host.pool)
        if pool is None:
            continue
        groups.update(_groups(host, pool, outputs))
        for kind, name in _respects(host, pool, outputs):
            meant.setdefault(group_of(kind, name), set()).add(name)
    for group, names in meant.items():
        if len(names) > 1:
            yield f"{' and '.join(sorted(names))} would be one group, {group}. Rename one of them."
    for host in outputs.hosts:
        if host.name in groups:
            yield f"host {host.name}: the name is that of a group. Rename the machine."


_NO_CONTROL_PLANE: Final = (
    "no host runs the control plane, so the others have nothing to join. "
    "Set `controlPlane: true` on a pool of 1, 3 or 5 machines, and deploy again."
)
