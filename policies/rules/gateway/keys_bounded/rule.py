"""No key is without bounds: every client meets a limit of tokens and a budget, under a declared grant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from components import naming
from policies.gateway import EXTERNAL_SECRET, SECURITY, TOOL_ROUTE, TRAFFIC, of_keys, place, planned, table
from policies.limits import COST, TOKENS, Limit, holds, limits
from policies.objects import spec
from policies.rule import Object, Planned, Rule
from policies.rules.gateway.grants_approved.rule import WIDTH
from policies.unknown import known, whole


@dataclass
class Bounds:
    """What the policies of one namespace declare."""

    grants: set[str] = field(default_factory=set)
    budgets: list[Limit] = field(default_factory=list)
    caps: list[Limit] = field(default_factory=list)


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    policies = [one.props for one in planned(resources, TRAFFIC)]
    if not all(whole(spec(one)) and known(table(one, naming.GRANTS, WIDTH)) for one in policies):
        return
    bounds = _bounds(policies)
    made = set()
    for secret in planned(resources, EXTERNAL_SECRET):
        if of_keys(secret.props):
            where, name = place(secret.props)
            made.add((where, (spec(secret.props).get("target") or {}).get("name") or name))
            for message in _unbounded(secret.props, bounds[where]):
                yield secret.urn, message
    for policy in planned(resources, (*SECURITY, *TOOL_ROUTE)):
        where, _ = place(policy.props)
        for name in _named(policy.props):
            if known(name) and known(where) and (where, name) not in made:
                yield policy.urn, f"apiKeyAuth: no ExternalSecret of this stack makes {name} in {where}"


def _bounds(policies: Iterable[Object]) -> dict[Any, Bounds]:
    found: dict[Any, Bounds] = defaultdict(Bounds)
    for policy in policies:
        own = found[place(policy)[0]]
        own.grants.update(row[0] for row in table(policy, naming.GRANTS, WIDTH))
        for limit in limits(policy):
            if limit.counts == COST:
                own.budgets.append(limit)
            elif limit.counts == TOKENS and limit.unit == "Day":
                own.caps.append(limit)
    return found


def _unbounded(secret: Object, bounds: Bounds) -> Iterator[str]:
    for item in spec(secret).get("data") or ():
        client = item.get("secretKey")
        if not known(client):
            continue
        if client.partition(".")[0] not in bounds.grants:
            yield f"key {client}: its grant is declared by no BackendTrafficPolicy of its namespace"
        for what, own in (("budget", bounds.budgets), ("limit of tokens in a day", bounds.caps)):
            if not any(holds(limit, client) for limit in own):
                yield f"key {client}: no enforced {what} holds for it"


def _named(policy: Object) -> Iterator[Any]:
    """The Secrets from which a policy takes keys."""
    for part in (spec(policy), spec(policy).get("securityPolicy") or {}):
        for ref in (part.get("apiKeyAuth") or {}).get("credentialRefs") or ():
            yield ref.get("name")


RULE = Rule(
    id="keys-bounded",
    title="Every virtual key has a budget and a limit of tokens, and comes from the secret store",
    severity="critical",
    controls=(
        "NIST-800-53:AC-2",
        "NIST-800-53:SC-5",
        "NIST-800-53:SC-6",
        "ISO-42001:A.4.5",
        "OWASP-LLM:LLM10",
        "OWASP-Agentic:T4",
    ),
    remediation="Declare the grant and give the tenant a budget; bring keys by an ExternalSecret.",
    kinds=(*EXTERNAL_SECRET, *TRAFFIC, *SECURITY, *TOOL_ROUTE),
    covers=("P1", "G3", "G4", "G5"),
    check_stack=check_stack,
)
