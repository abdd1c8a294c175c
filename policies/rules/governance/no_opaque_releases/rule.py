"""What is deployed is seen object by object, before it is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    yield "a Release hides its objects from the policies"


RULE = Rule(
    id="no-opaque-releases",
    title="Charts are rendered into objects that policies can judge",
    severity="high",
    controls=("NIST-800-53:CM-3", "NIST-800-53:SR-4", "ISO-42001:A.6.2.5", "OWASP-LLM:LLM03"),
    remediation="Use kubernetes:helm.sh/v4:Chart; where hooks force a Release, record an exception.",
    kinds=("helm.sh/v3/Release",),
    check=check,
)
