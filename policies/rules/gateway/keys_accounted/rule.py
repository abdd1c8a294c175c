"""Somebody answers for every virtual key, for a time, for one class of data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.gateway import EXTERNAL_SECRET, of_keys, over, table
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    rows = table(obj, naming.KEYS, 5)
    if not of_keys(obj) or not known(rows):
        return
    has = spec(obj)
    if list(has.get("dataFrom") or ()) or (has.get("target") or {}).get("template"):
        yield "dataFrom and target.template bring keys that nobody answers for"
    about = {row[0]: row for row in rows}
    if len(about) != len(rows):
        yield f"{naming.KEYS}: two rows are about one key"
    for item in has.get("data") or ():
        if known(client := item.get("secretKey")):
            yield from _wrong(client, about.get(client))


def _wrong(client: Any, row: tuple[str, ...] | None) -> Iterator[str]:
    if row is None:
        yield f"key {client}: {naming.KEYS} has no row of its owner, expiry, grant and data class"
        return
    _, owner, expires, grant, _ = row
    if "@" not in owner.strip("@"):
        yield f"key {client}: owner {owner} is no address"
    if wrong := over(expires):
        yield f"key {client}: {wrong}"
    if not client.startswith(f"{grant}."):
        yield f"key {client}: its client id does not begin with its grant {grant}"


RULE = Rule(
    id="keys-accounted",
    title="Every virtual key has an owner, a date on which it expires, a grant and a data class",
    severity="critical",
    controls=(
        "NIST-800-53:AC-2",
        "NIST-800-53:IA-5",
        "ISO-42001:A.3.2",
        "MLPS-2.0:8.1.4.1",
        "OWASP-Agentic:T9",
    ),
    remediation="Give each key a row in bastide.dev/keys; renew or delete what has expired.",
    kinds=EXTERNAL_SECRET,
    covers=("P1", "G3"),
    check=check,
)
