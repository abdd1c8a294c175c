"""A tenant's limits: tokens in a day by tier, money in a month by budget, what one task may use.

All are rules of one BackendTrafficPolicy; Envoy's rate limit service counts them over all proxies. A call
is let in while there is something left, and its cost is taken off when its last token has passed.
Source: https://gateway.envoyproxy.io/docs/api/extension_types/#ratelimitrule
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from components import naming
from components.governance.values.budgets import Step, steps
from components.governance.values.scope import Scope
from components.kubernetes import Manifest
from components.model import Gateway, Grant

POLICY: Final = "limits"
TOKENS: Final = "total_tokens"
COST: Final = "cost"
"""Keys under which the gateway counts a call: tokens, and money in units of `accounting.unit`."""


def limits(scope: Scope) -> Manifest:
    """The policy over all routes of a tenant; it adds to the policy of the whole Gateway."""
    selector = {
        "group": naming.GATEWAY_API,
        "kind": "HTTPRoute",
        "matchLabels": {naming.TENANT: scope.tenant},
    }
    spec = {
        "targetSelectors": [selector],
        "mergeType": "StrategicMerge",
        "rateLimit": {
            "type": "Global",
            "global": {"rules": rules(scope)},
        },
    }
    made = scope.manifest(f"{naming.ENVOY_GATEWAY_API}/v1alpha1", "BackendTrafficPolicy", POLICY, spec)
    made["metadata"]["annotations"] = _approved(scope)
    return made


def rules(scope: Scope) -> list[dict[str, Any]]:
    """All limits. The caller is told what is left of tokens and calls, and these come first: of two limits
    that are used up the first answers, so a refusal without such a header is a budget's.
    """
    return [*_tiers(scope), *_tasks(scope), *map(_budget, steps(scope))]


def first_budget(scope: Scope) -> int:
    """The index of the first budget's rule: the rate limit service knows rules by their index."""
    return len([*_tiers(scope), *_tasks(scope)])


def _approved(scope: Scope) -> dict[str, str]:
    """What the charter asks of every grant: who answers for it, until when, who approved it."""
    grants = [
        (
            grant.id,
            grant.owner,
            grant.expires.isoformat(),
            grant.data_class,
            str(scope.gateway.needs(grant.agent)),
            str(tier.approvals if (tier := scope.gateway.tier(grant.tier)) else 0),
        )
        for grant in scope.use.grants
    ]
    approvals = [
        (grant.id, approval.by, approval.role, approval.expires.isoformat())
        for grant in scope.use.grants
        for approval in grant.approvals
    ]
    tables = {naming.GRANTS: naming.table(grants), naming.APPROVALS: naming.table(approvals)}
    return {key: text for key, text in tables.items() if text}


def _tiers(scope: Scope) -> Iterator[dict[str, Any]]:
    """Tokens that each client of a grant may use in a day."""
    for grant in scope.use.grants:
        selectors = [_clients(scope.of_grant(grant.id)), _each(naming.CLIENT_HEADER)]
        yield _rule(selectors, tokens_per_day(scope.gateway, grant), "Day", TOKENS)


def tokens_per_day(gateway: Gateway, grant: Grant) -> int:
    """The tokens that a grant allows each of its clients in a day."""
    tier = gateway.tier(grant.tier)
    return grant.tokens_per_day or (tier.tokens_per_day if tier else None) or 0


def _tasks(scope: Scope) -> Iterator[dict[str, Any]]:
    """What one task may use: tokens, calls, and the same message again and again."""
    for grant in scope.use.grants:
        if grant.caps:
            task = [_clients(scope.of_grant(grant.id)), _each(naming.TASK_HEADER)]
            yield _rule(task, grant.caps.tokens, "Day", TOKENS)
            yield _rule(task, grant.caps.calls, "Day")
            yield _rule([*task, _each(naming.FINGERPRINT_HEADER)], grant.caps.repeats, "Hour")


def _budget(step: Step) -> dict[str, Any]:
    clients = [_clients(step.clients)] if step.clients else []
    rule = _rule([*clients, *step.months], step.units, "Year", COST)
    rule["xRateLimitHeaders"] = "Off"
    return rule if step.enforced else {**rule, "shadowMode": True}


def _clients(expression: str) -> dict[str, Any]:
    return {"name": naming.CLIENT_HEADER, "type": "RegularExpression", "value": expression}


def _each(header: str) -> dict[str, Any]:
    return {"name": header, "type": "Distinct"}


def _rule(headers: Sequence[Mapping[str, Any]], most: int, unit: str, counted: str = "") -> dict[str, Any]:
    """A limit; `counted` names what a call takes off it at its end, else every call takes one."""
    made: dict[str, Any] = {
        "clientSelectors": [{"headers": list(headers)}],
        "limit": {"requests": most, "unit": unit},
        "shared": True,
        "xRateLimitHeaders": "DraftVersion03",
    }
    if counted:
        metadata = {"namespace": naming.COST_NAMESPACE, "key": counted}
        made["cost"] = {
            "request": {"from": "Number", "number": 0},
            "response": {"from": "Metadata", "metadata": metadata},
        }
    return made
