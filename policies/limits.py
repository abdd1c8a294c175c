"""What the limits of a BackendTrafficPolicy mean for a client."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components import naming
from policies.objects import spec
from policies.rule import Object

TOKENS: Final = "total_tokens"
COST: Final = "cost"
MEASURES: Final = (TOKENS, COST)
"""Keys under which the gateway's metadata hold what a call used."""
EVERYONE: Final = ".*"
_GRANTS: Final = re.compile(r"\(([a-z0-9|-]+)\)\\\.")
"""How an expression over the clients of some grants begins: `(chat|coding)\\..*`."""
_WINDOWS: Final = {naming.CLIENT_HEADER, naming.MONTH_HEADER}


@dataclass(frozen=True, kw_only=True)
class Limit:
    """An enforced limit that counts something of every call of some clients."""

    clients: str
    """Regular expression over client ids."""
    counts: str
    unit: str
    most: int


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Tokens in a day: of grants, and of everyone."""

    by_grant: Mapping[str, int]
    everyone: int | None

    def of(self, grant: str) -> int | None:
        """The cap of a grant; nothing where no limit says."""
        found = (self.by_grant.get(grant), self.everyone)
        return min((one for one in found if one is not None), default=None)


def rules(obj: Object) -> list[Any]:
    """The rules of the policy's global rate limit."""
    return list(((spec(obj).get("rateLimit") or {}).get("global") or {}).get("rules") or ())


def counted(rule: Any) -> Any:
    """Where a rule takes from what a call costs; empty where every call costs the same."""
    return ((rule.get("cost") or {}).get("response") or {}).get("metadata") or {}


def limits(obj: Object) -> Iterator[Limit]:
    """The enforced limits that hold for every call of a client, not for single tasks or months only."""
    for rule in rules(obj):
        expression = _clients(rule)
        if expression is not None and not rule.get("shadowMode"):
            limit = rule.get("limit") or {}
            yield Limit(
                clients=expression,
                counts=counted(rule).get("key") or "",
                unit=limit.get("unit") or "",
                most=limit.get("requests") or 0,
            )


def holds(limit: Limit, client: str) -> bool:
    """Whether a client meets a limit. Envoy matches the whole value; a broken expression matches nothing."""
    try:
        return re.fullmatch(limit.clients, client) is not None
    except re.error:
        return False


def caps(obj: Object) -> Caps:
    """The tokens that each client may use in a day, by grant."""
    daily = [one for one in limits(obj) if one.counts == TOKENS and one.unit == "Day"]
    found: dict[str, int] = {}
    for limit in daily:
        if named := _GRANTS.match(limit.clients):
            for grant in named[1].split("|"):
                found[grant] = min(limit.most, found.get(grant, limit.most))
    everyone = [limit.most for limit in daily if limit.clients == EVERYONE]
    return Caps(by_grant=found, everyone=min(everyone, default=None))


def _clients(rule: Any) -> str | None:
    """Whom a rule concerns; nothing where it concerns some of their calls only."""
    selectors = rule.get("clientSelectors") or ()
    headers = [header for selector in selectors for header in selector.get("headers") or ()]
    narrow = any(set(selector) - {"headers"} for selector in selectors)
    named = [one for one in headers if _names_clients(one)]
    each = [one for one in headers if one.get("type") == "Distinct" and one.get("name") in _WINDOWS]
    if narrow or len(named) > 1 or len(named) + len(each) != len(headers):
        return None
    return str(named[0].get("value")) if named else EVERYONE


def _names_clients(header: Any) -> bool:
    expression = header.get("type") == "RegularExpression" and not header.get("invert")
    return bool(expression and header.get("name") == naming.CLIENT_HEADER)
