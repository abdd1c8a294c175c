"""A policy of a route is added to the Gateway's own and does not replace it in silence.

Without the Gateway's buffer the guard would come after the filter that keeps prompts for a second try.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.gateway import TRAFFIC, targets
from policies.objects import spec
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    if spec(obj).get("mergeType"):
        return
    for target in targets(obj):
        if target.get("kind") != "Gateway":
            yield f"without mergeType it replaces the Gateway's own policy on {target.get('kind')}s"


RULE = Rule(
    id="policies-merged",
    title="Traffic policies of routes are merged with the Gateway's",
    severity="high",
    controls=("NIST-800-53:CM-6", "NIST-800-53:AC-4", "OWASP-LLM:LLM02"),
    remediation="Set spec.mergeType to StrategicMerge.",
    kinds=TRAFFIC,
    covers=("P1", "G7"),
    check=check,
)
