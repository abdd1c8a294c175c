"""A route names backends of the platform, and of each a model whose price and data classes are known.

At admission, what the route says of a backend must be what the platform's table says.
"""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.gateway import AI_ROUTE, table
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    rows = table(obj, naming.BACKENDS, 4)
    if not known(rows):
        return
    told = {row[:2] for row in rows}
    for rule in spec(obj).get("rules") or ():
        for ref in rule.get("backendRefs") or ():
            name, model = ref.get("name"), ref.get("modelNameOverride")
            if ref.get("namespace") != naming.GATEWAY_NAMESPACE or ref.get("kind") not in (None, ""):
                yield f"backend {name} is no AIServiceBackend of {naming.GATEWAY_NAMESPACE}"
            elif known(name) and known(model) and (name, model) not in told:
                yield f"backend {name}: no price and no data classes are known of its model {model}"


RULE = Rule(
    id="backends-known",
    title="Routes use models of the platform's backends whose price and data classes are known",
    severity="high",
    controls=(
        "NIST-800-53:CM-8",
        "NIST-800-53:SA-9",
        "ISO-42001:A.10.3",
        "OWASP-LLM:LLM03",
        "OWASP-LLM:LLM10",
    ),
    remediation="Give the provider a price for the model, and deploy the platform's stack first.",
    kinds=AI_ROUTE,
    covers=("P1", "G1", "G6", "G8"),
    check=check,
)
