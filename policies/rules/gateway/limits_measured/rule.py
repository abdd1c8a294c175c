"""A limit of what nobody measures never trips; one that is not shared is multiplied by the routes."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.gateway import AI_CONFIG, TRAFFIC
from policies.limits import COST, MEASURES, TOKENS, counted, rules
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import whole

TYPES = {TOKENS: "TotalToken", COST: "CEL"}
"""How the gateway must measure what limits count."""


def check(obj: Object) -> Iterator[str]:
    if not whole(spec(obj)):
        return
    yield from _measures(obj) if obj["kind"] == "GatewayConfig" else _counts(obj)


def _measures(obj: Object) -> Iterator[str]:
    costs = spec(obj).get("globalLLMRequestCosts") or ()
    measured = {one.get("metadataKey"): one.get("type") for one in costs}
    for key, type_ in TYPES.items():
        if measured.get(key) != type_:
            yield f"globalLLMRequestCosts must measure {key} as {type_}"


def _counts(obj: Object) -> Iterator[str]:
    for index, rule in enumerate(rules(obj)):
        if not (metadata := counted(rule)):
            continue
        if metadata.get("namespace") != naming.COST_NAMESPACE or metadata.get("key") not in MEASURES:
            yield f"rateLimit.global.rules[{index}] counts what nobody measures"
        if not rule.get("shared"):
            yield f"rateLimit.global.rules[{index}] must be shared: each route would count for itself"


RULE = Rule(
    id="limits-measured",
    title="Limits count what the gateway measures, over all routes together",
    severity="high",
    controls=("NIST-800-53:SC-5", "NIST-800-53:AU-12", "ISO-42001:A.6.2.6", "OWASP-LLM:LLM10"),
    remediation="Count total_tokens or cost of io.envoy.ai_gateway in shared rules, and measure both.",
    kinds=(*TRAFFIC, *AI_CONFIG),
    covers=("P1", "G4", "G5"),
    check=check,
)
