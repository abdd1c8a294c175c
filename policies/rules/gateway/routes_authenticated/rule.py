"""No route lets in somebody who has not proven who they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from policies.gateway import AI_ROUTE, ROUTE, SECURITY, place, planned, targets
from policies.objects import labels, spec
from policies.rule import Object, Planned, Rule
from policies.unknown import known, whole

_METHODS = ("apiKeyAuth", "jwt", "oidc", "basicAuth", "extAuth")


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    policies: dict[Any, list[Object]] = defaultdict(list)
    for policy in planned(resources, SECURITY):
        if any(spec(policy.props).get(method) for method in _METHODS):
            policies[place(policy.props)[0]].append(policy.props)
    for route in planned(resources, (*AI_ROUTE, *ROUTE)):
        where, name = place(route.props)
        if not known(where) or not known(name) or not whole(spec(route.props).get("parentRefs")):
            continue
        if not any(_covers(policy, route.props) for policy in policies[where]) and not _at_gateways(
            route.props, policies
        ):
            yield route.urn, f"route {name}: no SecurityPolicy asks who calls"


def _covers(policy: Object, route: Object) -> bool:
    """Whether a policy of the route's namespace is attached to it, by name or by its labels."""
    own = labels(route)
    for target in targets(policy):
        if target.get("kind") != "HTTPRoute" or target.get("sectionName") or target.get("matchExpressions"):
            continue
        wanted = target.get("matchLabels") or {}
        named = target.get("name") == place(route)[1]
        if named or (wanted and all(own.get(key) == value for key, value in wanted.items())):
            return True
    return False


def _at_gateways(route: Object, policies: dict[Any, list[Object]]) -> bool:
    """Whether the Gateways of a route ask for themselves."""
    parents = list(spec(route).get("parentRefs") or ())
    return bool(parents) and all(
        any(
            one.get("kind") == "Gateway" and one.get("name") == parent.get("name")
            for policy in policies[parent.get("namespace") or place(route)[0]]
            for one in targets(policy)
        )
        for parent in parents
    )


RULE = Rule(
    id="routes-authenticated",
    title="Every route is under a policy that asks who calls",
    severity="critical",
    controls=(
        "NIST-800-53:IA-2",
        "NIST-800-53:IA-9",
        "NIST-800-53:AC-3",
        "MLPS-2.0:8.1.4.1",
        "OWASP-Agentic:T9",
    ),
    remediation="Attach a SecurityPolicy with apiKeyAuth or jwt to the route, by name or by its labels.",
    kinds=(*AI_ROUTE, *ROUTE, *SECURITY),
    covers=("P1", "G3"),
    check_stack=check_stack,
)
