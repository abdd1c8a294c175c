"""A tenant's routes answer at the tenant's own host behind the guard; a model is for known clients.

At admission, a route must also carry the tenant of its namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.gateway import AI_ROUTE, ROUTE, TOOL_ROUTE, of_platform
from policies.objects import labels, spec
from policies.rule import Object, Rule
from policies.unknown import known, whole

_GUARDED = (naming.KEYS_LISTENER, naming.ID_LISTENER)
"""Listeners behind which prompts pass the guard."""
_NEEDED = (naming.MODEL_HEADER, naming.CLIENT_HEADER)


def check(obj: Object) -> Iterator[str]:
    kind, tenant = obj["kind"], labels(obj).get(naming.TENANT)
    if not known(tenant) or not whole(spec(obj)):
        return
    if kind != "HTTPRoute" and not tenant:
        yield f"it needs the label {naming.TENANT}"
    if tenant and not _own(obj, tenant):
        yield f"it must answer at hosts or paths of {tenant} only"
    if kind != "HTTPRoute" or tenant:
        yield from _parents(obj)
    if kind == "AIGatewayRoute":
        yield from _matches(obj)


def _own(obj: Object, tenant: str) -> bool:
    has = spec(obj)
    if obj["kind"] == "MCPRoute":
        return bool(has.get("path") == f"/mcp/{tenant}")
    hosts = has.get("hostnames") or ()
    return bool(hosts) and all(host.startswith(f"{tenant}.") for host in hosts)


def _parents(obj: Object) -> Iterator[str]:
    for parent in spec(obj).get("parentRefs") or ():
        if not _listens(parent, obj["kind"]):
            yield f"parent {parent.get('name')} is no listener of the platform for such a route"


def _listens(parent: Any, kind: str) -> bool:
    listener = parent.get("sectionName")
    return bool(
        parent.get("kind") in (None, "Gateway")
        and of_platform(parent.get("namespace"), parent.get("name"))
        and (listener in _GUARDED if kind == "AIGatewayRoute" else listener)
    )


def _matches(obj: Object) -> Iterator[str]:
    for index, rule in enumerate(spec(obj).get("rules") or ()):
        matches = rule.get("matches") or [{}]
        named = [{header.get("name") for header in match.get("headers") or ()} for match in matches]
        for header in _NEEDED:
            if not all(header in names for names in named):
                yield f"rules[{index}] matches without {header}"


RULE = Rule(
    id="routes-scoped",
    title="A tenant's routes are at its own hosts behind the guard, for named models and clients",
    severity="critical",
    controls=(
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-4",
        "ISO-42001:A.9.4",
        "MLPS-2.0:8.1.4.2",
        "OWASP-Agentic:T3",
    ),
    remediation="Attach it to keys or id of a Gateway ai-* at its tenant's host; match model and client.",
    kinds=(*AI_ROUTE, *TOOL_ROUTE, *ROUTE),
    covers=("P1", "G1", "T2"),
    check=check,
)
