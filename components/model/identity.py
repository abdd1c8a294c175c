"""Rules on identity: what has a name has it once, and files are named after what they hold."""

from __future__ import annotations

from collections.abc import Iterator

from components.model.checks import repeated
from components.model.document import Path_
from components.model.draft import FOUNDATION, PLATFORM, Draft
from components.model.errors import ConfigProblem


def file_names(draft: Draft) -> Iterator[ConfigProblem]:
    """`Pulumi.<env>.<layer>.yaml` holds the environment `<env>`, or the tenant `<layer>`."""
    if draft.foundation and draft.foundation.environment.name != draft.name:
        name = draft.foundation.environment.name
        rule = f"must be `{draft.name}`, as in the file's name"
        yield draft.problem(FOUNDATION, ("environment", "name"), name, rule, f"Write `{draft.name}`.")
    for layer, tenant in draft.tenants.items():
        if tenant.id != layer:
            mend = f"Name the file `Pulumi.{draft.name}.{tenant.id}.yaml`, or write the id that it names."
            rule = f"must be `{layer}`, as in the file's name"
            yield draft.problem(layer, ("tenant", "id"), tenant.id, rule, mend)


def foundation_ids(draft: Draft) -> Iterator[ConfigProblem]:
    """Ids of zones, racks, networks, accelerators, device classes, pools and hosts are unique."""
    if draft.foundation is None:
        return
    for key, what in (
        ("networks", "network"),
        ("accelerators", "accelerator"),
        ("device_classes", "device class"),
        ("pools", "pool"),
    ):
        alias = "deviceClasses" if key == "device_classes" else key
        ids = (((alias, i, "id"), each.id) for i, each in enumerate(getattr(draft.foundation, key)))
        yield from repeated(draft, FOUNDATION, what, ids)
    zones = draft.foundation.environment.zones
    at: Path_ = ("environment", "zones")
    yield from repeated(draft, FOUNDATION, "zone", (((*at, i, "id"), z.id) for i, z in enumerate(zones)))
    racks = (((*at, i, "racks", j), rack) for i, z in enumerate(zones) for j, rack in enumerate(z.racks))
    yield from repeated(draft, FOUNDATION, "rack", racks)
    for i, pool in enumerate(draft.foundation.pools):
        filled = ((("pools", i, "racks", j), rack) for j, rack in enumerate(pool.racks))
        yield from repeated(draft, FOUNDATION, "rack", filled)


def host_ids(draft: Draft) -> Iterator[ConfigProblem]:
    """A host is in one pool, under one name and one address."""
    pools = draft.foundation.pools if draft.foundation else ()
    hosts = [
        (("pools", i, "hosts", j), host)
        for i, pool in enumerate(pools)
        if pool.kind == "static"
        for j, host in enumerate(pool.hosts)
    ]
    yield from repeated(draft, FOUNDATION, "host", (((*at, "name"), host.name) for at, host in hosts))
    reached = (((*at, "address"), f"{host.address}:{host.port}") for at, host in hosts)
    yield from repeated(draft, FOUNDATION, "host", reached)
    counted = {pool.id for pool in pools if pool.kind != "static"}
    for at, host in hosts:
        pool_id, _, index = host.name.rpartition("-")
        if pool_id in counted and index.isdigit():
            rule = f"must not be the name of a machine of pool `{pool_id}`"
            yield draft.problem(FOUNDATION, (*at, "name"), host.name, rule, "Give the host another name.")


def platform_ids(draft: Draft) -> Iterator[ConfigProblem]:
    """Ids of classes are unique, and so are the ranks of data classes."""
    if draft.platform is None:
        return
    for key, alias, what in (
        ("data_classes", "dataClasses", "data class"),
        ("priority_classes", "priorityClasses", "priority class"),
        ("runtime_classes", "runtimeClasses", "runtime class"),
        ("storage_classes", "storageClasses", "storage class"),
    ):
        ids = (((alias, i, "id"), each.id) for i, each in enumerate(getattr(draft.platform, key)))
        yield from repeated(draft, PLATFORM, what, ids)
    ranks = ((("dataClasses", i, "rank"), each.rank) for i, each in enumerate(draft.platform.data_classes))
    yield from repeated(draft, PLATFORM, "data class", ranks)


def tenant_ids(draft: Draft) -> Iterator[ConfigProblem]:
    """Tenants are unique in an environment; departments and users in a tenant."""
    first: dict[str, str] = {}
    for layer, tenant in draft.tenants.items():
        if tenant.id in first:
            rule = f"must be unique: {draft.documents[first[tenant.id]].file} has it too"
            yield draft.problem(layer, ("tenant", "id"), tenant.id, rule, "Give this tenant another id.")
        first.setdefault(tenant.id, layer)
        at: Path_ = ("tenant", "departments")
        departments = (((*at, i, "id"), each.id) for i, each in enumerate(tenant.departments))
        yield from repeated(draft, layer, "department", departments)
        users = (
            ((*at, i, "users", j, "id"), user.id)
            for i, department in enumerate(tenant.departments)
            for j, user in enumerate(department.users)
        )
        yield from repeated(draft, layer, "user", users)


def namespace_names(draft: Draft) -> Iterator[ConfigProblem]:
    """No two namespaces get one name: `a-b` + `c` and `a` + `b-c` do."""
    first: dict[str, tuple[str, int]] = {}
    for layer, tenant in draft.tenants.items():
        for index, each in enumerate(tenant.namespaces):
            name = tenant.namespace_name(each)
            if name in first:
                other, at = first[name]
                line = draft.documents[other].line(("config", "bastide:tenant", "namespaces", at))
                rule = f"must give a name of its own: {draft.documents[other].file}:{line} gives `{name}` too"
                mend = "Choose another purpose or department id."
                at_purpose: Path_ = ("tenant", "namespaces", index, "purpose")
                yield draft.problem(layer, at_purpose, each.purpose, rule, mend)
            first.setdefault(name, (layer, index))


def contexts(draft: Draft) -> Iterator[ConfigProblem]:
    """All layers of an environment go to one cluster."""
    named = draft.contexts()
    wanted = named.get(FOUNDATION)
    for layer, context in named.items():
        if wanted and context != wanted:
            rule = f"must be `{wanted}`, as in the foundation: an environment has one cluster"
            path: Path_ = ("config", "kubernetes:context")
            yield draft.documents[layer].problem(path, context, rule, f"Write `{wanted}`.")


RULES = (file_names, foundation_ids, host_ids, platform_ids, tenant_ids, namespace_names, contexts)
