"""What costs much or is sensitive is granted by several persons, none of whom is the one that asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.gateway import TRAFFIC, over, table
from policies.limits import caps
from policies.objects import notes, spec
from policies.rule import Object, Rule
from policies.unknown import known, whole

CHAIN_ABOVE = 1_000_000
"""Tokens a day above which two persons must approve, whatever the grant's row says."""
WIDTH = 6


def check(obj: Object) -> Iterator[str]:
    text = notes(obj).get(naming.GRANTS) or ""
    rows, approvals = table(obj, naming.GRANTS, WIDTH), table(obj, naming.APPROVALS, 4)
    if not known(rows) or not known(approvals) or not whole(spec(obj)):
        return
    if text and len(rows) != len(text.split("\n")):
        yield f"{naming.GRANTS}: a row must be grant, owner, expiry, data class, demand, approvals needed"
    if len({row[0] for row in rows}) != len(rows):
        yield f"{naming.GRANTS}: two rows are about one grant"
    held = caps(obj)
    for grant, owner, expires, _, _, needed in rows:
        if "@" not in owner.strip("@"):
            yield f"grant {grant}: owner {owner} is no address"
        if wrong := over(expires):
            yield f"grant {grant}: {wrong}"
        least = max(int(needed) if needed.isdecimal() else CHAIN_ABOVE, _least(held.of(grant)))
        approved = len(_persons(grant, owner, approvals))
        if approved < least:
            yield f"grant {grant}: approved by {approved} different persons besides its owner, not by {least}"


def _least(tokens: int | None) -> int:
    return 2 if tokens is not None and tokens > CHAIN_ABOVE else 0


def _persons(grant: str, owner: str, approvals: Any) -> set[str]:
    """Who approved, and still does."""
    valid = {person.lower() for of, person, _, until in approvals if of == grant and not over(until)}
    return valid - {owner.lower()}


RULE = Rule(
    id="grants-approved",
    title="Every grant has an owner, an expiry and its approvals in force, by different persons",
    severity="high",
    controls=(
        "NIST-800-53:AC-2",
        "NIST-800-53:AC-5",
        "ISO-42001:A.3.2",
        "ISO-42001:A.10.2",
        "OWASP-LLM:LLM10",
    ),
    remediation="Let the persons whom the tier asks for approve the grant, or lower its tier.",
    kinds=TRAFFIC,
    covers=("P1", "G4", "A4"),
    check=check,
)
