"""The guard sees every prompt, and where it does not answer, nothing goes on."""

from __future__ import annotations

from collections.abc import Iterator

from policies.gateway import EXTENSION, targets
from policies.objects import spec
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    for target in targets(obj):
        if target.get("kind") != "Gateway":
            yield f"on {target.get('kind')}s it replaces the guard of the Gateway"
    for index, processor in enumerate(spec(obj).get("extProc") or ()):
        if processor.get("failOpen", False) not in (None, False):
            yield f"extProc[{index}].failOpen must not be set"
        if processor.get("shadowMode", False) not in (None, False):
            yield f"extProc[{index}].shadowMode must not be set"
        if not ((processor.get("processingMode") or {}).get("request") or {}).get("body"):
            yield f"extProc[{index}] does not see the body of requests"


RULE = Rule(
    id="guard-always-on",
    title="External processing fails closed, sees prompts and is set for whole Gateways",
    severity="critical",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SI-10",
        "ISO-42001:A.9.2",
        "MLPS-2.0:8.1.4.11",
        "OWASP-LLM:LLM01",
        "OWASP-LLM:LLM02",
    ),
    remediation="Attach it to the Gateway, without failOpen or shadowMode, with the body of requests.",
    kinds=EXTENSION,
    covers=("P1", "G7", "X4"),
    check=check,
)
