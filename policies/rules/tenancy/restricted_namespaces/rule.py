"""A tenant's namespaces admit restricted pods only, whatever else is installed."""

from __future__ import annotations

from collections.abc import Iterator

from components import naming
from policies.objects import labels
from policies.rule import Object, Rule
from policies.unknown import known

_ENFORCE = f"{naming.POD_SECURITY}/enforce"


def check(obj: Object) -> Iterator[str]:
    has = labels(obj)
    tenant = has.get(naming.TENANT)
    if known(tenant) and tenant and has.get(_ENFORCE) != "restricted":
        yield f"label {_ENFORCE} must be restricted"


RULE = Rule(
    id="restricted-namespaces",
    title="A tenant's namespaces enforce Pod Security's level restricted",
    severity="high",
    controls=("CIS-Kubernetes:5.2.1", "NIST-800-53:CM-6", "NIST-800-53:CM-7", "MLPS-2.0:8.1.4.4"),
    remediation="Label the namespace with pod-security.kubernetes.io/enforce: restricted.",
    kinds=("v1/Namespace",),
    covers=("P1", "T1", "X5"),
    check=check,
)
