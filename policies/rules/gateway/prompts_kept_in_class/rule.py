"""A prompt goes only where data of its class may go, first choice and fallbacks alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.gateway import AI_ROUTE, asked, table
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    models, backends = table(obj, naming.MODELS, 2), table(obj, naming.BACKENDS, 4)
    if not known(models) or not known(backends):
        return
    classes = {model: of.split(",") for model, of in models}
    allowed = {(name, model): (where, of.split(",")) for name, model, where, of in backends}
    for rule in spec(obj).get("rules") or ():
        for model in asked(rule):
            if model not in classes:
                yield f"model {model}: {naming.MODELS} does not say the data classes of its prompts"
                continue
            for ref in rule.get("backendRefs") or ():
                yield from _forbidden(model, classes[model], ref, allowed)


def _forbidden(
    model: str, classes: list[str], ref: Any, allowed: dict[tuple[str, str], tuple[str, list[str]]]
) -> Iterator[str]:
    name, served = ref.get("name"), ref.get("modelNameOverride")
    if not known(name) or not known(served):
        return
    where, may = allowed.get((name, served), ("on", classes))  # the rule backends-known finds what is missing
    for one in classes:
        if one not in may:
            place = f"{name}, off the premises" if where != "on" else name
            yield f"model {model}: prompts of class {one} must not go to {place}"


RULE = Rule(
    id="prompts-kept-in-class",
    title="No route, not even as a fallback, sends data to a backend that must not have their class",
    severity="critical",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-7",
        "ISO-42001:A.10.3",
        "MLPS-2.0:8.1.4.8",
        "OWASP-LLM:LLM02",
    ),
    remediation="Grant a model whose whole fallback chain may have the data class, or lower the class.",
    kinds=AI_ROUTE,
    covers=("P1", "G1", "G4", "G7"),
    check=check,
)
