"""Nobody on the way reads prompts and keys."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.gateway import GATEWAY
from policies.objects import labels, spec
from policies.rule import Object, Rule
from policies.unknown import known

TWIN = "twin"


def check(obj: Object) -> Iterator[str]:
    in_twin = labels(obj).get(naming.ENVIRONMENT_KIND) == TWIN
    for listener in spec(obj).get("listeners") or ():
        name = listener.get("name")
        if listener.get("protocol") not in ("HTTPS", "TLS") and not in_twin:
            yield f"listener {name}: {listener.get('protocol')} is not encrypted"
        namespaces = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
        if known(come := namespaces.get("from")) and come == "All":
            yield f"listener {name}: routes may come from chosen namespaces only"


RULE = Rule(
    id="listeners-encrypted",
    title="Gateways listen with TLS, except in a twin, to routes of chosen namespaces",
    severity="critical",
    controls=("NIST-800-53:SC-8", "NIST-800-53:AC-4", "MLPS-2.0:8.1.2.2", "OWASP-LLM:LLM02"),
    remediation="Set protocol HTTPS with a certificate, and select namespaces in allowedRoutes.",
    kinds=GATEWAY,
    covers=("P1", "X3"),
    check=check,
)
