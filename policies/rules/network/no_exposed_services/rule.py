"""Services are reached inside the cluster; the way in is the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from policies.objects import spec
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    has = spec(obj)
    if has.get("type") not in (None, "ClusterIP", "ExternalName"):
        yield f"spec.type must not be {has['type']}"
    if list(has.get("externalIPs") or ()):
        yield "spec.externalIPs must be empty"


RULE = Rule(
    id="no-exposed-services",
    title="No Service opens a port of the machines, a load balancer or an external address",
    severity="high",
    controls=(
        "NIST-800-53:SC-7",
        "NIST-800-190:4.4.2",
        "MLPS-2.0:8.1.3.1",
        "MLPS-2.0:8.1.2.1",
    ),
    remediation="Use type ClusterIP, and publish through the platform's gateway.",
    kinds=("v1/Service",),
    covers=("P1", "X3"),
    check=check,
)
