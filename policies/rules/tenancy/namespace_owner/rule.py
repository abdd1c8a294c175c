"""Every namespace has somebody to ask."""

from __future__ import annotations

import re
from collections.abc import Iterator

from components import naming
from policies.objects import SYSTEM_NAMESPACES, metadata, notes
from policies.rule import Object, Rule
from policies.unknown import matches

ADDRESS = re.compile(r"^[^@\s]+@[^@\s]+$")


def check(obj: Object) -> Iterator[str]:
    if metadata(obj).get("name") in SYSTEM_NAMESPACES:
        return
    if not matches(ADDRESS, notes(obj).get(naming.OWNER)):
        yield f"annotation {naming.OWNER} must be an e-mail address"


RULE = Rule(
    id="namespace-owner",
    title="Every namespace names its owner",
    severity="medium",
    controls=("NIST-800-53:CM-8", "MLPS-2.0:8.1.10.2", "ISO-42001:A.3.2", "ISO-42001:A.10.2"),
    remediation="Annotate the namespace with bastide.dev/owner: <address of a person or a team>.",
    kinds=("v1/Namespace",),
    covers=("P1", "T1"),
    check=check,
)
