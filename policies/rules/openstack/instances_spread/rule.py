"""The machines of a pool are in a server group, so that one lost host does not take them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.objects import of_kind
from policies.openstack import INSTANCE, POOL, told
from policies.rule import Object, Planned, Rule
from policies.unknown import known, whole


def check(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    pools: dict[str, list[Planned]] = {}
    for one in of_kind(resources, INSTANCE[0]):
        pool = told(one.props).get(POOL)
        if known(pool) and pool:
            pools.setdefault(str(pool), []).append(one)
    for pool, machines in pools.items():
        for one in machines:
            if len(machines) > 1 and not _grouped(one.props):
                yield (
                    one.urn,
                    f"pool {pool} has {len(machines)} machines: schedulerHints must name a server group",
                )


def _grouped(machine: Object) -> bool:
    hints = machine.get("schedulerHints")
    if not whole(hints):
        return True
    return any(hint.get("group") for hint in hints or ())


RULE = Rule(
    id="instances-spread",
    title="Machines of one pool are kept apart",
    severity="medium",
    controls=("NIST-800-53:SC-6", "MLPS-2.0:8.1.2.1"),
    remediation="Make a server group with (soft-)anti-affinity and name it in schedulerHints.",
    kinds=INSTANCE,
    check_stack=check,
)
