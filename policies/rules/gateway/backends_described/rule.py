"""Of every backend it is known where it is, which data it may be sent, and what its models cost."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.gateway import AI_BACKEND, listed
from policies.objects import labels
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    if labels(obj).get(naming.PREMISES) not in ("on", "off"):
        yield f"the label {naming.PREMISES} must be on or off"
    for key, what in (
        (naming.DATA_CLASSES, "data classes it may be sent"),
        (naming.PRICES, "models with a price"),
    ):
        if known(items := listed(obj, key)) and not items:
            yield f"the annotation {key} must list the {what}"


RULE = Rule(
    id="backends-described",
    title="Every backend says where it is, which data classes it may be sent, which models have a price",
    severity="high",
    controls=(
        "NIST-800-53:CM-8",
        "NIST-800-53:SA-9",
        "ISO-42001:A.10.3",
        "MLPS-2.0:8.1.10.2",
        "OWASP-LLM:LLM03",
    ),
    remediation="Label and annotate the AIServiceBackend; models without a price must not be served.",
    kinds=AI_BACKEND,
    covers=("P1", "G6", "G8"),
    check=check,
)
