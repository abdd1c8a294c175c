"""Who calls is proven, and known by one header alone; a proof that fails lets nobody in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.gateway import SECURITY, TOOL_ROUTE, place
from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import whole


def check(obj: Object) -> Iterator[str]:
    has = spec(obj)
    security = (has.get("securityPolicy") or {}) if obj["kind"] == "MCPRoute" else has
    if not whole(security):
        return
    if obj["kind"] == "MCPRoute" and not (security.get("apiKeyAuth") or security.get("oauth")):
        yield "securityPolicy needs apiKeyAuth or oauth"
    if keys := security.get("apiKeyAuth"):
        yield from _keys(keys, place(obj)[0])
    yield from _tokens(security)
    if (security.get("extAuth") or {}).get("failOpen"):
        yield "extAuth.failOpen must not be set"
    if (security.get("authorization") or {}).get("defaultAction") == "Allow":
        yield "authorization.defaultAction must not be Allow"


def _keys(keys: Any, home: Any) -> Iterator[str]:
    for ref in keys.get("credentialRefs") or ():
        name = str(ref.get("name"))
        if not name.startswith(naming.KEYS_PREFIX) or ref.get("namespace") not in (None, home):
            yield f"apiKeyAuth: {name} is no Secret {naming.KEYS_PREFIX}* of its own namespace"
    if any(source.get("params") for source in keys.get("extractFrom") or ()):
        yield "apiKeyAuth takes keys from addresses, which are logged"
    if not keys.get("sanitize"):
        yield "apiKeyAuth.sanitize must be set: the key would go on to the backend"
    if keys.get("forwardClientIDHeader") != naming.CLIENT_HEADER:
        yield f"apiKeyAuth.forwardClientIDHeader must be {naming.CLIENT_HEADER}"


def _tokens(security: Any) -> Iterator[str]:
    jwt, oauth = security.get("jwt") or {}, security.get("oauth")
    if jwt.get("optional") or jwt.get("failOpen"):
        yield "jwt.optional and jwt.failOpen must not be set"
    for provider in [*(jwt.get("providers") or ()), *([oauth] if oauth else [])]:
        if not provider.get("audiences") or not provider.get("issuer"):
            yield "a token must be of one issuer, for this gateway: issuer and audiences are needed"
        claims = provider.get("claimToHeaders") or ()
        if not any(one.get("header") == naming.CLIENT_HEADER for one in claims):
            yield f"claimToHeaders must set {naming.CLIENT_HEADER}"


RULE = Rule(
    id="authentication-strict",
    title="Keys and tokens are checked without exception and name the client whom limits count",
    severity="critical",
    controls=(
        "NIST-800-53:IA-2",
        "NIST-800-53:IA-9",
        "NIST-800-53:AC-3",
        "MLPS-2.0:8.1.4.1",
        "OWASP-Agentic:T9",
    ),
    remediation="Take keys from Secrets keys-* and tokens of one issuer and audience; forward the client.",
    kinds=(*SECURITY, *TOOL_ROUTE),
    covers=("P1", "G3", "G11"),
    check=check,
)
