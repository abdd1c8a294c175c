"""What leaves the premises is encrypted, to one host whose certificate is verified."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.gateway import BACKEND
from policies.objects import labels, spec
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    has = spec(obj)
    tls = has.get("tls") or {}
    if has.get("type", None) not in (None, "Endpoints"):
        yield "type must be Endpoints: callers would choose the host"
    if tls.get("insecureSkipVerify", None) not in (None, False):
        yield "tls.insecureSkipVerify must not be set"
    verified = tls.get("wellKnownCACertificates") or tls.get("caCertificateRefs")
    if labels(obj).get(naming.PREMISES) != "on" and not verified:
        yield f"without the label {naming.PREMISES}: on it needs tls with a certificate authority"


RULE = Rule(
    id="backends-encrypted",
    title="Backends off the premises are named hosts that are reached with verified TLS",
    severity="critical",
    controls=("NIST-800-53:SC-8", "NIST-800-53:SC-7", "MLPS-2.0:8.1.2.2", "OWASP-LLM:LLM02"),
    remediation="Set tls.wellKnownCACertificates: System, or name the authority in tls.caCertificateRefs.",
    kinds=BACKEND,
    covers=("P1", "X3", "G1"),
    check=check,
)
