"""Rules on who calls the gateway: virtual keys, workloads, tools, and what is masked or cut off."""

from __future__ import annotations

from collections.abc import Iterator

from components.model.checks import repeated, unknown
from components.model.document import Path_
from components.model.draft import Draft
from components.model.errors import ConfigProblem
from components.model.granting import Use, uses
from components.model.grants import Grant
from components.model.tenant import TenantNamespace

_WITH_GRANTS = (("keys", "keys"), ("workloads", "workloads"), ("tools", "tools"), ("cutOffs", "cut_offs"))


def named_grants(draft: Draft) -> Iterator[ConfigProblem]:
    """Grants that keys, workloads, tools and cut-offs name are declared."""
    for layer, given in draft.gateways.items():
        known = [each.id for each in given.grants]
        for alias, key in _WITH_GRANTS:
            held = enumerate(getattr(given, key))
            named = ((("gateway", alias, i, "grant"), each.grant) for i, each in held)
            yield from unknown(draft, layer, named, "the id of a grant", known)


def keys(draft: Draft) -> Iterator[ConfigProblem]:
    """A key's id is unique, its user is there; a grant's tier counts each of its users once."""
    for layer, given in draft.gateways.items():
        departments = draft.tenants[layer].departments
        home = {user.id: each.id for each in departments for user in each.users}
        at: Path_ = ("gateway", "keys")
        yield from repeated(
            draft, layer, "key", (((*at, i, "id"), key.id) for i, key in enumerate(given.keys))
        )
        users = (((*at, i, "user"), key.user) for i, key in enumerate(given.keys))
        yield from unknown(draft, layer, users, "the id of one of its users", home)
        held: dict[tuple[str, str], str] = {}
        for i, key in enumerate(given.keys):
            grant = given.grant(key.grant)
            wanted = next((each.id for each in departments if grant and each.id == grant.department), None)
            if wanted and home.get(key.user, wanted) != wanted:
                rule = f"must be of the department `{wanted}`, as the grant `{key.grant}` is"
                mend = "Choose another grant, or another user."
                yield draft.problem(layer, (*at, i, "user"), key.user, rule, mend)
            first = held.setdefault((key.grant, key.user), key.id)
            if first != key.id:
                rule = f"must have one key of the grant `{key.grant}`: `{first}` is one"
                mend = "Remove one, or use another grant: each key has the tier's tokens for itself."
                yield draft.problem(layer, (*at, i, "user"), key.user, rule, mend)


def key_ends(draft: Draft) -> Iterator[ConfigProblem]:
    """A key is not over, and ends with its grant at the latest."""
    for layer, given in draft.gateways.items():
        for i, key in enumerate(given.keys):
            path: Path_ = ("gateway", "keys", i, "expires")
            grant = given.grant(key.grant)
            if key.expires < draft.today:
                yield draft.lapsed(layer, path, key.expires, "Write a later day, or remove the key.")
            elif grant and draft.today <= grant.expires < key.expires:
                rule = f"must not be after the end of its grant ({grant.expires})"
                yield draft.problem(layer, path, key.expires, rule, f"Write `{grant.expires}` or earlier.")


def second_factors(draft: Draft) -> Iterator[ConfigProblem]:
    """A model of high risk is granted to callers with a token: a key proves no second factor."""
    for use in uses(draft):
        with_token = {each.grant for each in use.given.workloads}
        with_key = {each.grant for each in use.given.keys}
        for at, grant in use.grants():
            for j, name in enumerate(grant.models if grant.id in with_key - with_token else ()):
                model = use.gateway.model(name)
                if model and model.high_risk:
                    rule = (
                        "must not be of high risk: the grant has keys only, and a key proves no second factor"
                    )
                    mend = "Take it out, or grant it to a workload."
                    yield draft.problem(use.layer, (*at, "models", j), name, rule, mend)


def workloads(draft: Draft) -> Iterator[ConfigProblem]:
    """A workload runs in one of the tenant's namespaces, named once, that its grant covers."""
    for use in uses(draft):
        spaces = {(each.purpose, each.department): each for each in use.tenant.namespaces}
        at: Path_ = ("gateway", "workloads")
        places = (
            ((*at, i, "purpose"), "-".join(filter(None, (each.department, each.purpose))))
            for i, each in enumerate(use.given.workloads)
        )
        yield from repeated(draft, use.layer, "workload", places)
        for i, each in enumerate(use.given.workloads):
            space, grant = spaces.get((each.purpose, each.department)), use.given.grant(each.grant)
            if space is None:
                known = ", ".join(use.tenant.namespace_name(each) for each in use.tenant.namespaces)
                rule = "must be, with `department`, of one of the tenant's namespaces"
                mend = f"Write the purpose and department of one of: {known}."
                yield draft.problem(use.layer, (*at, i, "purpose"), each.purpose, rule, mend)
            elif grant:
                yield from _uncovered(draft, use, (*at, i, "grant"), grant, space)


def _uncovered(
    draft: Draft, use: Use, path: Path_, grant: Grant, space: TenantNamespace
) -> Iterator[ConfigProblem]:
    rank = {each.id: each.rank for each in use.platform.data_classes}
    most = rank.get(grant.data_class)
    if most is not None and rank.get(space.data_class, most) > most:
        rule = f"must be for data of class `{space.data_class}`, the namespace's: it has `{grant.data_class}`"
        yield draft.problem(use.layer, path, grant.id, rule, "Choose another grant, or have it raised.")
    if grant.department not in {None, space.department}:
        rule = f"must be of the namespace's department: it is of `{grant.department}`"
        yield draft.problem(use.layer, path, grant.id, rule, "Choose another grant.")


def tools(draft: Draft) -> Iterator[ConfigProblem]:
    """Granted tools are those of a server that may be sent the grant's data."""
    for use in uses(draft):
        servers = {each.id: each for each in use.gateway.tool_servers}
        at: Path_ = ("gateway", "tools")
        held = list(enumerate(use.given.tools))
        named = (((*at, i, "server"), each.server) for i, each in held)
        yield from unknown(draft, use.layer, named, "the id of a tool server", servers)
        entries = (((*at, i, "server"), f"{each.server} for {each.grant}") for i, each in held)
        yield from repeated(draft, use.layer, "tool grant", entries)
        for i, each in held:
            server, grant = servers.get(each.server), use.given.grant(each.grant)
            if server:
                wanted = [((*at, i, "tools", j), tool) for j, tool in enumerate(each.tools)]
                yield from unknown(
                    draft, use.layer, wanted, f"a tool of the server `{server.id}`", server.tools
                )
            if server and grant and grant.data_class not in server.data_classes:
                rule = f"must be for data that `{server.id}` may be sent: {', '.join(server.data_classes)}"
                mend = "Use a grant of a lower data class."
                yield draft.problem(use.layer, (*at, i, "grant"), grant.id, rule, mend)


def masks(draft: Draft) -> Iterator[ConfigProblem]:
    """Names of masks are unique."""
    for layer, given in draft.gateways.items():
        named = ((("gateway", "masks", i, "name"), each.name) for i, each in enumerate(given.masks))
        yield from repeated(draft, layer, "mask", named)


def cut_offs(draft: Draft) -> Iterator[ConfigProblem]:
    """What is cut off is there, and is cut off since some day until today."""
    for layer, given in draft.gateways.items():
        departments = draft.tenants[layer].departments
        at: Path_ = ("gateway", "cutOffs")
        named = (((*at, i, "department"), each.department) for i, each in enumerate(given.cut_offs))
        known = [each.id for each in departments]
        yield from unknown(draft, layer, named, "the id of one of its departments", known)
        named = (((*at, i, "user"), each.user) for i, each in enumerate(given.cut_offs))
        known = [user.id for each in departments for user in each.users]
        yield from unknown(draft, layer, named, "the id of one of its users", known)
        for i, each in enumerate(given.cut_offs):
            if each.since > draft.today:
                rule = f"must not be in the future: today is {draft.today}"
                mend = "Add it on that day: a cut-off takes effect at once."
                yield draft.problem(layer, (*at, i, "since"), each.since, rule, mend)


RULES = (named_grants, keys, key_ends, second_factors, workloads, tools, masks, cut_offs)
