"""A quota that bounds CPU bounds accelerators, too: they are what is dear."""

from __future__ import annotations

from collections.abc import Iterator

from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known

DEVICES = ".deviceclass.resource.k8s.io/devices"
_CLAIMS = "count/resourceclaims.resource.k8s.io"


def check(obj: Object) -> Iterator[str]:
    hard = spec(obj).get("hard") or {}
    if not known(hard) or "requests.cpu" not in hard or hard.get(_CLAIMS) in ("0", 0):
        return
    if not any(key.endswith(DEVICES) for key in hard):
        yield f"spec.hard must bound <class>{DEVICES}, or {_CLAIMS} by 0"


RULE = Rule(
    id="quota-counts-accelerators",
    title="A quota that bounds CPU bounds accelerators by device class, or allows no claim at all",
    severity="high",
    controls=("NIST-800-53:SC-6", "ISO-42001:A.4.5", "OWASP-Agentic:T4", "OWASP-LLM:LLM10"),
    remediation="Bound each device class, <class>.deviceclass.resource.k8s.io/devices, if need be by 0.",
    kinds=("v1/ResourceQuota",),
    covers=("P1", "T1"),
    check=check,
)
