"""Every call leaves a line that says who asked which model, what it cost and what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.gateway import PROXY
from policies.limits import COST, TOKENS
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import whole

TOLD = (naming.CLIENT_HEADER, naming.MODEL_HEADER, TOKENS, COST, naming.DECISION_HEADER)
"""What the values of a line must mention."""


def check(obj: Object) -> Iterator[str]:
    log = (spec(obj).get("telemetry") or {}).get("accessLog") or {}
    if not whole(log):
        return
    if log.get("disable"):
        yield "telemetry.accessLog is disabled"
    elif not any(_complete(one) for one in log.get("settings") or ()):
        yield f"telemetry.accessLog needs a line for every call, as JSON, with {', '.join(TOLD)}"


def _complete(setting: Any) -> bool:
    line = " ".join(map(str, ((setting.get("format") or {}).get("json") or {}).values())).lower()
    every = not setting.get("matches") and setting.get("type") in (None, "Route")
    return every and bool(setting.get("sinks")) and all(word in line for word in TOLD)


RULE = Rule(
    id="calls-audited",
    title="The proxy writes one line for every call: who, which model, tokens, cost, decision",
    severity="critical",
    controls=(
        "NIST-800-53:AU-2",
        "NIST-800-53:AU-3",
        "NIST-800-53:AU-12",
        "ISO-42001:A.6.2.8",
        "MLPS-2.0:8.1.4.3",
        "OWASP-Agentic:T8",
    ),
    remediation="Add an access log without matches, in JSON, that holds all of these, to a sink.",
    kinds=PROXY,
    covers=("P1", "G12", "O5"),
    check=check,
)
