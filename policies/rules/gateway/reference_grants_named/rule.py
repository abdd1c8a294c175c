"""Who may use something of another namespace may use that thing, not all of its kind."""

from __future__ import annotations

from collections.abc import Iterator

from policies.gateway import REFERENCE_GRANT
from policies.objects import spec
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    for index, to in enumerate(spec(obj).get("to") or ()):
        if not to.get("name"):
            yield f"to[{index}] must name one {to.get('kind')}"


RULE = Rule(
    id="reference-grants-named",
    title="Reference grants name each object that they open to another namespace",
    severity="high",
    controls=("NIST-800-53:AC-3", "NIST-800-53:AC-6", "MLPS-2.0:8.1.4.2", "OWASP-Agentic:T3"),
    remediation="Give every entry of spec.to a name.",
    kinds=REFERENCE_GRANT,
    covers=("P1", "T2"),
    check=check,
)
