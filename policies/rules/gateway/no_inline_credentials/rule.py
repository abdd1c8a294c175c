"""Keys of providers are references to Secrets that the platform made, and no caller brings another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from policies.gateway import AI_BACKEND, AI_BACKEND_SECURITY, AI_ROUTE, TOOL_ROUTE
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known

HEADER = re.compile(
    r"(?i)^(authorization|proxy-authorization|cookie)$|"
    r"(^|[_.-])(password|secret|token|credentials?|(api|access|private|secret)[_.-]?key)$"
)


def check(obj: Object) -> Iterator[str]:
    has = spec(obj)
    if has.get("credentialOverride", None) not in (None, {}):
        yield "credentialOverride would let a caller bring the provider's key"
    for ref in has.get("backendRefs") or ():
        if ((ref.get("securityPolicy") or {}).get("apiKey") or {}).get("inline") not in (None, ""):
            yield f"backend {ref.get('name')}: securityPolicy.apiKey.inline holds a key"
    for part in (has, *_refs(has)):
        for header in ((part.get("headerMutation") or {}).get("set")) or ():
            if known(name := header.get("name")) and HEADER.search(str(name)):
                yield f"headerMutation sets {name}, whose name says that it is a credential"


def _refs(has: Any) -> Iterable[Any]:
    return (ref for rule in has.get("rules") or () for ref in rule.get("backendRefs") or ())


RULE = Rule(
    id="no-inline-credentials",
    title="The gateway's objects refer to keys of providers and never hold one",
    severity="critical",
    controls=("NIST-800-53:IA-5", "NIST-800-53:AC-6", "MLPS-2.0:8.1.4.8", "OWASP-LLM:LLM02"),
    remediation="Refer to a Secret by secretRef, in a BackendSecurityPolicy or in the tool's securityPolicy.",
    kinds=(*AI_BACKEND_SECURITY, *AI_BACKEND, *AI_ROUTE, *TOOL_ROUTE),
    covers=("P1", "X9", "G8"),
    check=check,
)
