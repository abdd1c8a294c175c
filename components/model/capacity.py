"""Rules on sums: what is promised to the parts fits in the whole, up to what the machines have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from typing import Final

from components.model.accelerators import matches
from components.model.document import Path_
from components.model.draft import FOUNDATION, Draft
from components.model.errors import ConfigProblem
from components.model.foundation import Foundation
from components.model.quantity import Bytes, Cpu, Quantity
from components.model.quota import Quota
from components.model.tenant import Tenant

Amounts = Mapping[str, Decimal]
"""Amounts by quota key: `cpu`, `memory`, `pods`, `storage`, `devices.<class>`."""

_SUBSETS_MAX: Final = 10
"""With more device classes than this, only single classes and all together are added up."""


def amounts(quota: Quota) -> dict[str, Decimal]:
    """What a quota grants, by key."""
    devices = {f"devices.{name}": Decimal(count) for name, count in quota.devices.items()}
    return {
        "cpu": quota.cpu.value,
        "memory": quota.memory.value,
        "pods": Decimal(quota.pods),
        "storage": quota.storage.value,
        **devices,
    }


def total(quotas: Iterable[Quota]) -> dict[str, Decimal]:
    """The sum of quotas, by key."""
    added: dict[str, Decimal] = {}
    for quota in quotas:
        for key, amount in amounts(quota).items():
            added[key] = added.get(key, Decimal(0)) + amount
    return added


def written(key: str, amount: Decimal) -> str:
    """An amount as a person writes it: `1536Gi`, `300`."""
    kind: type[Quantity] = Bytes if key in {"memory", "storage"} else Cpu
    return kind.written(amount)


def machine_amounts(foundation: Foundation) -> dict[str, Decimal]:
    """What all machines of all pools offer together: cores, bytes, pods."""
    found = {"cpu": Decimal(0), "memory": Decimal(0), "pods": Decimal(0)}
    for pool in foundation.pools:
        found["cpu"] += pool.machine.cpu.value * pool.count
        found["memory"] += pool.machine.memory.value * pool.count
        found["pods"] += pool.machine.pods * pool.count
    return found


def device_counts(foundation: Foundation) -> dict[str, int]:
    """The number of devices by accelerator model, over all pools."""
    counted: Counter[str] = Counter()
    for pool in foundation.pools:
        if pool.accelerators:
            counted[pool.accelerators.model] += pool.accelerators.count * pool.count
    return dict(counted)


def models_of(foundation: Foundation) -> dict[str, frozenset[str]]:
    """The accelerator models that each device class selects."""
    return {
        each.id: frozenset(a.id for a in foundation.accelerators if matches(each.select, a))
        for each in foundation.device_classes
    }


def _parts(tenant: Tenant) -> Iterator[tuple[Path_, str, Quota, list[Quota]]]:
    """Each quota that is shared out, with what it is shared out to."""
    loose = [each.quota for each in tenant.namespaces if each.department is None]
    own = [department.quota for department in tenant.departments]
    what = "the departments and the namespaces without one"
    yield ("tenant", "quota"), what, tenant.quota, own + loose
    for i, department in enumerate(tenant.departments):
        held = [each.quota for each in tenant.namespaces if each.department == department.id]
        at: Path_ = ("tenant", "departments", i, "quota")
        yield at, f"the namespaces of `{department.id}`", department.quota, held


def shares(draft: Draft) -> Iterator[ConfigProblem]:
    """Namespaces fit in their department, departments in their tenant."""
    for layer, tenant in draft.tenants.items():
        for path, what, quota, parts in _parts(tenant):
            whole = amounts(quota)
            for key, asked in total(parts).items():
                granted = whole.get(key, Decimal(0))
                if asked > granted:
                    rule = f"must be at least {written(key, asked)}, the sum of {what}"
                    mend = f"Raise it by {written(key, asked - granted)}, or lower theirs."
                    yield draft.problem(layer, (*path, *key.split(".")), written(key, granted), rule, mend)


def containers(draft: Draft) -> Iterator[ConfigProblem]:
    """A container's defaults are at most its maximum, which is at most the tenant's quota."""
    for layer, tenant in draft.tenants.items():
        default, most, quota = tenant.container_defaults, tenant.container_maximum, tenant.quota
        for key in ("cpu", "memory"):
            if getattr(default, key) > getattr(most, key):
                rule = f"must be at most `containerMaximum.{key}` ({getattr(most, key)})"
                path: Path_ = ("tenant", "containerDefaults", key)
                yield draft.problem(
                    layer, path, getattr(default, key), rule, "Lower it, or raise the maximum."
                )
            if getattr(most, key) > getattr(quota, key):
                rule = f"must be at most `quota.{key}` ({getattr(quota, key)})"
                path = ("tenant", "containerMaximum", key)
                yield draft.problem(layer, path, getattr(most, key), rule, "Lower it, or raise the quota.")


def machines(draft: Draft) -> Iterator[ConfigProblem]:
    """The tenants' quotas and the platform's own fit in what the machines offer."""
    if draft.foundation is None or draft.platform is None:
        return
    system = draft.platform.platform.system_quota
    tenants = [tenant.quota for tenant in draft.tenants.values()]
    asked = total([system, *tenants])
    for key, there in machine_amounts(draft.foundation).items():
        if asked[key] > there:
            rule = (
                f"must offer at least {written(key, asked[key])} {key}: "
                f"{len(tenants)} tenants and {written(key, amounts(system)[key])} of `systemQuota`"
            )
            mend = f"Add machines with {written(key, asked[key] - there)} {key}, or lower the quotas."
            yield draft.problem(FOUNDATION, ("pools",), f"{written(key, there)} {key}", rule, mend)


def devices(draft: Draft) -> Iterator[ConfigProblem]:
    """The tenants' devices are there, in each class and in classes that share devices together.

    For any set of classes, their quotas must fit in the devices that one of them selects (Hall's condition).
    """
    if draft.foundation is None or draft.platform is None:
        return
    counts, models = device_counts(draft.foundation), models_of(draft.foundation)
    if not set(counts) <= {each.id for each in draft.foundation.accelerators}:
        return  # a pool names an accelerator that is not declared, and that is reported
    quotas = [draft.platform.platform.system_quota, *(tenant.quota for tenant in draft.tenants.values())]
    sums = total(quotas)
    asked = {name: int(sums[f"devices.{name}"]) for name in models if sums.get(f"devices.{name}")}
    refused: list[frozenset[str]] = []
    for names in _subsets(sorted(asked)):
        if any(smaller <= names for smaller in refused):
            continue
        there = sum(counts.get(model, 0) for model in frozenset().union(*(models[name] for name in names)))
        wanted = sum(asked[name] for name in names)
        if wanted > there:
            refused.append(names)
            label = " and ".join(f"`{name}`" for name in sorted(names))
            together = " together (they share devices)" if len(names) > 1 else ""
            rule = f"must have at least {wanted} devices of class {label}{together}, the sum of all quotas"
            mend = f"Add {wanted - there}, or lower `quota.devices` of tenants."
            yield draft.problem(FOUNDATION, ("pools",), f"{there} devices", rule, mend)


def _subsets(names: list[str]) -> Iterator[frozenset[str]]:
    sizes = range(1, len(names) + 1) if len(names) <= _SUBSETS_MAX else (1, len(names))
    for size in sizes:
        yield from map(frozenset, combinations(names, size))


RULES = (shares, containers, machines, devices)
