"""Services are reached inside the cluster; the way in is the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.objects import metadata, spec
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    has = spec(obj)
    if has.get("type") not in (None, "ClusterIP", "ExternalName") and not _is_the_way_in(obj):
        yield f"spec.type must not be {has['type']}"
    if list(has.get("externalIPs") or ()):
        yield "spec.externalIPs must be empty"


def _is_the_way_in(obj: Object) -> bool:
    """The load balancer that Envoy Gateway makes for the Gateway, without ports of the machines."""
    has, about = spec(obj), metadata(obj)
    return bool(
        about.get("namespace") == naming.GATEWAY_NAMESPACE
        and (not known(about.get("name")) or str(about.get("name")).startswith(f"{naming.GATEWAY}-"))
        and has.get("type") == "LoadBalancer"
        and has.get("allocateLoadBalancerNodePorts") == False  # noqa: E712  an unknown value equals anything
    )


RULE = Rule(
    id="no-exposed-services",
    title="No Service but the gateway's opens a load balancer; none a machine's port or an external address",
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
