"""Agents call the tools that somebody named, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.gateway import TOOL_ROUTE
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known, whole


def check(obj: Object) -> Iterator[str]:
    for ref in spec(obj).get("backendRefs") or ():
        selector = ref.get("toolSelector") or {}
        if not whole(selector):
            continue
        if not selector.get("include") or selector.get("includeRegex"):
            yield f"backend {ref.get('name')}: toolSelector.include must name the tools"
    security = spec(obj).get("securityPolicy") or {}
    authorization = security.get("authorization")
    if not authorization:
        yield "securityPolicy.authorization must say who may call which tool"
    elif known(authorization):
        yield from _open(authorization)


def _open(authorization: Any) -> Iterator[str]:
    if authorization.get("defaultAction") not in (None, "Deny"):
        yield "securityPolicy.authorization.defaultAction must be Deny"
    for index, rule in enumerate(authorization.get("rules") or ()):
        if not known(rule) or rule.get("action") == "Deny":
            continue
        tools = (rule.get("target") or {}).get("tools") or []
        if whole(tools) and (not tools or any("*" in tool["tool"] for tool in tools)):
            yield f"securityPolicy.authorization.rules[{index}] must name the tools that it allows"


RULE = Rule(
    id="no-wildcard-tools",
    title="Every tool that an agent may call is named",
    severity="critical",
    controls=(
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-6",
        "ISO-42001:A.9.4",
        "MLPS-2.0:8.1.4.2",
        "OWASP-LLM:LLM06",
        "OWASP-Agentic:T2",
        "OWASP-Agentic:T3",
    ),
    remediation="Name tools in toolSelector.include and in the targets of Allow rules; deny all others.",
    kinds=TOOL_ROUTE,
    covers=("P1", "G11"),
    check=check,
)
