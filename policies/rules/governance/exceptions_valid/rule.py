"""An exception has an owner, a reason and an end. What this rule refuses excepts nothing.

It judges the entries of exceptions.yaml, each as `kind: Exception` with `today` and the known `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from policies.rule import Object, Rule

KEYS = ("rule", "kinds", "namespace", "name", "owner", "reason", "expires")
LONGEST = timedelta(days=366)
# These go into CEL expressions: nothing that could end a string there.
_KIND = re.compile(r"[A-Za-z0-9]+")
_NAMESPACE = re.compile(r"[a-z0-9-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*\*?")


def check(obj: Object) -> Iterator[str]:
    entry, known = obj["exception"], obj["rules"]
    if not isinstance(entry, dict):
        yield "must be a mapping"
        return
    for key in entry:
        if key not in KEYS:
            yield f"{key}: unknown key; known are {', '.join(KEYS)}"
    if entry.get("rule") not in known:
        yield f"rule: {entry.get('rule')!r} is no rule"
    kinds = entry.get("kinds")
    if not isinstance(kinds, list) or not kinds or not all(_is(_KIND, kind) for kind in kinds):
        yield "kinds: must list kinds, e.g. [Deployment, ReplicaSet, Pod]"
    if not _is(_NAMESPACE, entry.get("namespace", "")):
        yield "namespace: must be a namespace's name, or left out for kinds without one"
    yield from _texts(entry)
    yield from _expiry(entry.get("expires"), date.fromisoformat(obj["today"]))


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _texts(entry: dict[str, Any]) -> Iterator[str]:
    name, owner, reason = (entry.get(key) for key in ("name", "owner", "reason"))
    if not _is(_NAME, name):
        yield "name: must be an object's name, or its beginning and one * at the end"
    if not isinstance(owner, str) or "@" not in owner.strip("@"):
        yield "owner: must be an e-mail address"
    if not isinstance(reason, str) or len(reason.split()) < 3:
        yield "reason: must say why, in at least three words"


def _expiry(expires: Any, today: date) -> Iterator[str]:
    try:
        end = expires if isinstance(expires, date) else date.fromisoformat(expires)
    except (TypeError, ValueError):
        yield f"expires: {expires!r} must be a date, e.g. 2027-01-31"
        return
    if end < today:
        yield f"expires: expired on {end.isoformat()}"
    elif end > today + LONGEST:
        yield f"expires: {end.isoformat()} is more than a year ahead"


RULE = Rule(
    id="exceptions-valid",
    title="Every exception has an owner, a reason and a date on which it ends",
    severity="high",
    controls=("NIST-800-53:CM-3", "NIST-800-53:CA-7", "ISO-42001:A.3.2", "ISO-42001:A.10.2"),
    remediation="Mend the cause and delete the entry, or let its owner renew it in policies/exceptions.yaml.",
    kinds=("bastide.dev/v1/Exception",),
    covers=("P1", "P2"),
    check=check,
)
