"""Every namespace of ours starts closed: nothing reaches its pods and they reach nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.objects import inside, metadata, own_namespaces, spec
from policies.rule import Object, Planned, Rule


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    for namespace in own_namespaces(resources):
        policies = inside(resources, "networking.k8s.io/v1/NetworkPolicy", namespace)
        if not any(_closes(policy) for policy in policies):
            name = metadata(namespace.props)["name"]
            yield namespace.urn, f"namespace {name} has no network policy that denies all by default"


def _closes(policy: Object) -> bool:
    has = spec(policy)
    types = has.get("policyTypes") or ()
    everything = not (has.get("podSelector") or {}) or has.get("podSelector") == {}
    silent = not any(list(has.get(key) or ()) for key in ("ingress", "egress"))
    return everything and silent and "Ingress" in types and "Egress" in types


RULE = Rule(
    id="default-deny",
    title="Every namespace has a network policy that denies all by default",
    severity="high",
    controls=(
        "CIS-Kubernetes:5.3.2",
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-7",
        "NIST-800-190:4.3.3",
        "MLPS-2.0:8.1.3.1",
        "MLPS-2.0:8.1.3.2",
    ),
    remediation="Add a NetworkPolicy with an empty podSelector, policyTypes [Ingress, Egress] and no rules.",
    kinds=("v1/Namespace", "networking.k8s.io/v1/NetworkPolicy"),
    covers=("P1", "X3"),
    check_stack=check_stack,
)
