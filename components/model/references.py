"""Rules on references: what is named exists, address ranges do not touch, defaults are clear."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from components.model.accelerators import matches
from components.model.checks import unknown
from components.model.document import Path_
from components.model.draft import FOUNDATION, PLATFORM, Draft
from components.model.errors import ConfigProblem
from components.model.pools import OpenStackPool
from components.model.quota import Quota
from components.model.tenant import Tenant


def pool_references(draft: Draft) -> Iterator[ConfigProblem]:
    """A pool's zone, racks, accelerator model and network are declared."""
    if draft.foundation is None:
        return
    racks = {zone.id: set(zone.racks) for zone in draft.foundation.environment.zones}
    models = {each.id for each in draft.foundation.accelerators}
    networks = {each.id for each in draft.foundation.networks}
    for i, pool in enumerate(draft.foundation.pools):
        at: Path_ = ("pools", i)
        yield from unknown(draft, FOUNDATION, [((*at, "zone"), pool.zone)], "the id of a zone", racks)
        if pool.zone in racks:
            named = (((*at, "racks", j), rack) for j, rack in enumerate(pool.racks))
            what = f"a rack of the zone `{pool.zone}`"
            yield from unknown(draft, FOUNDATION, named, what, racks[pool.zone])
        if pool.accelerators:
            model = [((*at, "accelerators", "model"), pool.accelerators.model)]
            yield from unknown(draft, FOUNDATION, model, "the id of an accelerator", models)
        elif pool.role == "accelerator":
            mend = "Add `accelerators: {model: ..., count: ...}`, or choose another role."
            yield draft.problem(FOUNDATION, (*at, "role"), pool.role, "must come with `accelerators`", mend)
        if isinstance(pool, OpenStackPool):
            network = [((*at, "network"), pool.network)]
            yield from unknown(draft, FOUNDATION, network, "the id of a network", networks)


def device_classes(draft: Draft) -> Iterator[ConfigProblem]:
    """A device class selects at least one of the accelerators."""
    if draft.foundation is None:
        return
    for i, each in enumerate(draft.foundation.device_classes):
        if not any(matches(each.select, accelerator) for accelerator in draft.foundation.accelerators):
            asked = each.select.model_dump(mode="json", exclude_defaults=True)
            text = ", ".join(f"{key}: {value}" for key, value in asked.items())
            rule = "must select at least one of `accelerators`"
            mend = "Ask for less, or declare an accelerator with these capabilities."
            yield draft.problem(FOUNDATION, ("deviceClasses", i, "select"), text, rule, mend)


def simulated_pools(draft: Draft) -> Iterator[ConfigProblem]:
    """Where people rely on an environment, its machines are real."""
    kind = draft.foundation.environment.kind if draft.foundation else "twin"
    for i, pool in enumerate(draft.foundation.pools if draft.foundation else ()):
        if pool.kind == "simulated" and kind in {"production", "sovereign"}:
            rule = f"must not be simulated in an environment of kind `{kind}`"
            mend = "Choose `openstack` or `static`."
            yield draft.problem(FOUNDATION, ("pools", i, "kind"), pool.kind, rule, mend)


def stand_ins(draft: Draft) -> Iterator[ConfigProblem]:
    """Where people rely on an environment, its gateway is a real one."""
    kind = draft.foundation.environment.kind if draft.foundation else "twin"
    if draft.platform is None or draft.gateway is None or kind in {"twin", "development"}:
        return
    if draft.platform.upstream.mode == "stand-ins":
        rule = f"must not be `stand-ins` in an environment of kind `{kind}`"
        mend = "Choose `external`, or `charts` and a `mirror`."
        yield draft.problem(PLATFORM, ("upstream", "mode"), "stand-ins", rule, mend)


def networks(draft: Draft) -> Iterator[ConfigProblem]:
    """Ranges do not overlap; those of one role are of one IP family, as are pods and services."""
    if draft.foundation is None:
        return
    named = list(enumerate(draft.foundation.networks))
    zones = {zone.id for zone in draft.foundation.environment.zones}
    zone = ((("networks", i, "zone"), each.zone) for i, each in named)
    yield from unknown(draft, FOUNDATION, zone, "the id of a zone", zones)
    for (_, one), (i, other) in combinations(named, 2):
        at: Path_ = ("networks", i, "cidr")
        same = one.cidr.version == other.cidr.version
        if same and one.cidr.overlaps(other.cidr):
            rule = f"must not overlap: `{one.id}` has {one.cidr}"
            yield draft.problem(FOUNDATION, at, other.cidr, rule, "Choose a range outside of it.")
        pair = {one.role, other.role}
        if not same and (len(pair) == 1 or pair == {"pods", "services"}):
            rule = f"must be of one IP family with `{one.id}` ({one.cidr}, IPv{one.cidr.version})"
            mend = f"Choose an IPv{one.cidr.version} range."
            yield draft.problem(FOUNDATION, at, other.cidr, rule, mend)
    for role in ("pods", "services"):
        if role not in {each.role for _, each in named}:
            rule, mend = f"must have one of role `{role}`", f"Add a network with `role: {role}`."
            yield draft.problem(FOUNDATION, ("networks",), draft.foundation.networks, rule, mend)


def one_default(draft: Draft) -> Iterator[ConfigProblem]:
    """Exactly one priority class and one storage class are the default."""
    if draft.platform is None:
        return
    priority, storage = draft.platform.priority_classes, draft.platform.storage_classes
    for alias, flags in (
        ("priorityClasses", [(each.id, each.default) for each in priority]),
        ("storageClasses", [(each.id, each.default) for each in storage]),
    ):
        default = [(i, name) for i, (name, is_default) in enumerate(flags) if is_default]
        rule = "must have exactly one with `default: true`"
        if not default:
            yield draft.problem(PLATFORM, (alias,), "no default", rule, "Set `default: true` on one of them.")
        for i, name in default[1:]:
            mend = f"Remove it here, or from `{default[0][1]}`."
            yield draft.problem(PLATFORM, (alias, i, "default"), f"true for {name}", rule, mend)


def local_disks(draft: Draft) -> Iterator[ConfigProblem]:
    """Volumes that nothing provisions bind when their pod is placed, else they may be on another node."""
    for i, each in enumerate(draft.platform.storage_classes if draft.platform else ()):
        if each.provisioner == "kubernetes.io/no-provisioner" and not each.bind_at_schedule:
            rule = "must come with `bindAtSchedule: true`"
            path: Path_ = ("storageClasses", i, "provisioner")
            yield draft.problem(PLATFORM, path, each.provisioner, rule, "Add `bindAtSchedule: true`.")


def tenant_references(draft: Draft) -> Iterator[ConfigProblem]:
    """A tenant's data classes, departments and device classes are declared."""
    for layer, tenant in draft.tenants.items():
        if draft.platform:
            classes = ((("tenant", "dataClasses", i), name) for i, name in enumerate(tenant.data_classes))
            known = [each.id for each in draft.platform.data_classes]
            yield from unknown(draft, layer, classes, "a data class of the platform", known)
        spaces = list(enumerate(tenant.namespaces))
        at: Path_ = ("tenant", "namespaces")
        held = (((*at, i, "dataClass"), each.data_class) for i, each in spaces)
        yield from unknown(draft, layer, held, "one of the tenant's `dataClasses`", tenant.data_classes)
        owners = (((*at, i, "department"), each.department) for i, each in spaces)
        departments = [each.id for each in tenant.departments]
        yield from unknown(draft, layer, owners, "the id of one of its departments", departments)
        if draft.foundation:
            devices = [each.id for each in draft.foundation.device_classes]
            for path, quota in quotas(tenant):
                claimed = (((*path, "devices", name), name) for name in quota.devices)
                yield from unknown(draft, layer, claimed, "a device class of the foundation", devices)


def quotas(tenant: Tenant) -> Iterator[tuple[Path_, Quota]]:
    """All quotas of a tenant, with their paths."""
    yield ("tenant", "quota"), tenant.quota
    for i, department in enumerate(tenant.departments):
        yield ("tenant", "departments", i, "quota"), department.quota
    for i, namespace in enumerate(tenant.namespaces):
        yield ("tenant", "namespaces", i, "quota"), namespace.quota


def foreign_groups(draft: Draft) -> Iterator[ConfigProblem]:
    """No group named after one tenant holds a role in another."""
    ids = {tenant.id for tenant in draft.tenants.values()}
    for layer, tenant in draft.tenants.items():
        for role in ("admin", "developer", "auditor"):
            for i, group in enumerate(getattr(tenant.access, role)):
                owner = group.split(":")[1] if group.startswith("bastide:") and group.count(":") > 1 else ""
                if owner in ids - {tenant.id}:
                    path: Path_ = ("tenant", "access", role, i)
                    rule = f"must not be a group of another tenant (`{owner}`)"
                    yield draft.problem(layer, path, group, rule, f"Write `bastide:{tenant.id}:{role}`.")


RULES = (
    pool_references,
    simulated_pools,
    stand_ins,
    device_classes,
    networks,
    one_default,
    local_disks,
    tenant_references,
    foreign_groups,
)
