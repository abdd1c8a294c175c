"""A tenant's bindings name that tenant's people and agents only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components import naming
from policies.objects import labels, metadata
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    tenant = labels(obj).get(naming.TENANT) or "platform"
    namespace = metadata(obj).get("namespace")
    if not known(tenant):
        return
    for subject in obj.get("subjects") or ():
        name = subject.get("name")
        if known(name) and known(subject.get("kind")) and not _own(subject, tenant, namespace):
            yield f"subject {name} does not belong to {tenant}"


def _own(subject: Any, tenant: str, namespace: Any) -> bool:
    if subject["kind"] != "ServiceAccount":
        return str(subject["name"]).startswith(f"bastide:{tenant}:")
    home = subject.get("namespace")
    return bool(home == namespace)


RULE = Rule(
    id="tenant-bindings",
    title="Role bindings name people and agents of their own tenant only",
    severity="critical",
    controls=(
        "NIST-800-53:AC-2",
        "NIST-800-53:AC-3",
        "NIST-800-190:4.3.2",
        "MLPS-2.0:8.1.4.2",
        "CIS-Kubernetes:5.7.1",
        "OWASP-Agentic:T9",
    ),
    remediation="Bind groups or users named bastide:<tenant>:... or service accounts of the same namespace, "
    "and label the binding with bastide.dev/tenant.",
    kinds=("rbac.authorization.k8s.io/v1/RoleBinding",),
    covers=("P1", "X2", "T2"),
    check=check,
)
