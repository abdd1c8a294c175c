"""Rules on real machines: what all of them need, and what their pools name."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from components.model import matrix
from components.model.checks import repeated, unknown
from components.model.document import Path_
from components.model.draft import FOUNDATION, Draft
from components.model.errors import ConfigProblem
from components.model.foundation import Foundation
from components.model.pools import OpenStackPool, SimulatedPool, StaticPool

RealPool = OpenStackPool | StaticPool


def real_pools(foundation: Foundation | None) -> Iterator[tuple[int, RealPool]]:
    """Pools of real machines with their places in the list."""
    for i, pool in enumerate(foundation.pools if foundation else ()):
        if not isinstance(pool, SimulatedPool):
            yield i, pool


def settings(draft: Draft) -> Iterator[ConfigProblem]:
    """Real machines come with the settings that all of them share."""
    pools = list(real_pools(draft.foundation))
    if draft.foundation and pools and draft.foundation.hosts is None:
        i, pool = pools[0]
        rule = "must come with `hosts`: its machines are real"
        mend = "Add `bastide:hosts`: administrators, their ranges, time servers, artifacts, control plane."
        yield draft.problem(FOUNDATION, ("pools", i, "kind"), pool.kind, rule, mend)


def control_plane(draft: Draft) -> Iterator[ConfigProblem]:
    """The members of the control plane are odd in number: one more would not survive one more loss."""
    pools = list(real_pools(draft.foundation))
    members = sum(pool.count for _, pool in pools if pool.control_plane)
    if pools and members % 2 == 0:
        i, pool = next(((i, pool) for i, pool in pools if pool.control_plane), pools[0])
        rule = f"must be such that an odd number of machines runs the control plane; now {members} do"
        mend = "Set `controlPlane: true` on pools with 1, 3 or 5 machines together."
        yield draft.problem(FOUNDATION, ("pools", i, "controlPlane"), pool.control_plane, rule, mend)


def shared_endpoint(draft: Draft) -> Iterator[ConfigProblem]:
    """An address that machines hand to each other: IPv4, and on networks that let them."""
    hosts = draft.foundation.hosts if draft.foundation else None
    if hosts is None or not hosts.control_plane.shared:
        return
    path: Path_ = ("hosts", "controlPlane", "shared")
    if any(
        pool.control_plane and isinstance(pool, OpenStackPool) for _, pool in real_pools(draft.foundation)
    ):
        rule = "must not be true where OpenStack runs control plane machines: its ports know no other address"
        yield draft.problem(
            FOUNDATION, path, True, rule, "Remove it, and set `loadBalancer: true` on the site."
        )
    endpoint = hosts.control_plane.endpoint
    try:
        known = ip_address(endpoint).version == 4
    except ValueError:
        known = False
    if not known:
        rule = "must be an IPv4 address where `shared` is true: the machines take it over as it stands here"
        mend = "Write an address of the machines' network that no machine has, or remove `shared`."
        yield draft.problem(FOUNDATION, ("hosts", "controlPlane", "endpoint"), endpoint, rule, mend)


def fabric(draft: Draft) -> Iterator[ConfigProblem]:
    """RDMA runs on a network of its own role."""
    if draft.foundation is None:
        return
    known = [each.id for each in draft.foundation.networks if each.role == "fabric"]
    for i, pool in real_pools(draft.foundation):
        if pool.rdma:
            named = [(("pools", i, "rdma", "network"), pool.rdma.network)]
            yield from unknown(draft, FOUNDATION, named, "the id of a network of role `fabric`", known)


def racks(draft: Draft) -> Iterator[ConfigProblem]:
    """A machine stands in a rack of its pool."""
    for i, pool in real_pools(draft.foundation):
        if isinstance(pool, StaticPool):
            at: Path_ = ("pools", i, "hosts")
            named = (((*at, j, "rack"), host.rack) for j, host in enumerate(pool.hosts))
            yield from unknown(draft, FOUNDATION, named, "a rack of its pool", pool.racks)


def addresses(draft: Draft) -> Iterator[ConfigProblem]:
    """A machine's address lies in a declared network: the firewalls of the others know these only."""
    ranges = [each.cidr for each in draft.foundation.networks] if draft.foundation else []
    for i, pool in real_pools(draft.foundation):
        for j, host in enumerate(pool.hosts if isinstance(pool, StaticPool) else ()):
            try:
                address = ip_address(host.address)
            except ValueError:
                continue  # a host name
            if not any(address in each for each in ranges):
                rule = "must lie in one of `networks`: the firewalls of the others let these in only"
                mend = "Add the network of the machines, with `role: management`."
                yield draft.problem(FOUNDATION, ("pools", i, "hosts", j, "address"), host.address, rule, mend)


def snapshots(draft: Draft) -> Iterator[ConfigProblem]:
    """MicroVMs start from snapshots in a thin pool, which needs a disk."""
    for i, pool in real_pools(draft.foundation):
        if pool.role == "sandbox" and pool.storage is None:
            rule = "must come with `storage`: microVMs start from a thin pool on a disk"
            yield draft.problem(
                FOUNDATION, ("pools", i, "role"), pool.role, rule, "Add `storage: {devices: [...]}`."
            )


def software(draft: Draft) -> Iterator[ConfigProblem]:
    """Real accelerators say which software drives them; the version matrix says what goes together."""
    if draft.foundation is None:
        return
    for i, each in enumerate(draft.foundation.accelerators):
        if each.software:
            for wrong in matrix.problems(each.vendor, each.family, each.id, each.software.model_dump(), {}):
                at: Path_ = ("accelerators", i, *wrong.field.split("."))
                yield draft.problem(FOUNDATION, at, wrong.value, wrong.rule, wrong.mend)


def partitions(draft: Draft) -> Iterator[ConfigProblem]:
    """The accelerators of real machines have software, and are divided as their model can be."""
    if draft.foundation is None:
        return
    known = {each.id: each for each in draft.foundation.accelerators}
    for i, pool in real_pools(draft.foundation):
        found = known.get(pool.accelerators.model) if pool.accelerators else None
        if found and found.software is None:
            path: Path_ = ("pools", i, "accelerators", "model")
            rule = "must be an accelerator with `software`: its machines are real"
            mend = f"Add `software: {{driver: ..., toolkit: ...}}` to the accelerator `{found.id}`."
            yield draft.problem(FOUNDATION, path, found.id, rule, mend)
        elif found and found.software and pool.accelerators:
            given = pool.accelerators.partitions
            told = matrix.problems(found.vendor, found.family, found.id, found.software.model_dump(), given)
            for wrong in (each for each in told if each.field.startswith("partitions")):
                where: Path_ = ("pools", i, "accelerators", *wrong.field.split(".", 1))
                yield draft.problem(FOUNDATION, where, wrong.value, wrong.rule, wrong.mend)


def repositories(draft: Draft) -> Iterator[ConfigProblem]:
    """A vendor's repository has a name of its own, and a vendor whose accelerators are declared."""
    if draft.foundation is None or draft.foundation.hosts is None:
        return
    listed = list(enumerate(draft.foundation.hosts.vendor_repositories))
    at: Path_ = ("hosts", "vendorRepositories")
    yield from repeated(
        draft, FOUNDATION, "repository", (((*at, i, "name"), each.name) for i, each in listed)
    )
    vendors = {each.vendor for each in draft.foundation.accelerators}
    named = (((*at, i, "vendor"), each.vendor) for i, each in listed)
    yield from unknown(draft, FOUNDATION, named, "the vendor of an accelerator", vendors)


RULES = (
    *(settings, control_plane, shared_endpoint, fabric, racks, addresses),
    *(snapshots, software, partitions, repositories),
)
