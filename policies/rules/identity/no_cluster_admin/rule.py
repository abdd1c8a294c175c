"""Nobody is bound to all power, and nobody unknown to any."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Object, Rule
from policies.unknown import known

_GROUPS = ("system:masters", "system:unauthenticated")
_USERS = ("system:anonymous",)


def check(obj: Object) -> Iterator[str]:
    role = (obj.get("roleRef") or {}).get("name")
    if known(role) and role == "cluster-admin":
        yield "roleRef must not name cluster-admin"
    for subject in obj.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if not known(kind) or not known(name):
            continue
        if (kind == "Group" and name in _GROUPS) or (kind == "User" and name in _USERS):
            yield f"subjects must not name {name}"


RULE = Rule(
    id="no-cluster-admin",
    title="No binding to cluster-admin, system:masters or the anonymous",
    severity="critical",
    controls=(
        "CIS-Kubernetes:5.1.1",
        "CIS-Kubernetes:5.1.7",
        "NIST-800-53:AC-6",
        "NIST-800-190:4.3.1",
        "MLPS-2.0:8.1.4.2",
        "OWASP-Agentic:T3",
    ),
    remediation="Bind a role that lists what its holders need; keep cluster-admin for break-glass.",
    kinds=("rbac.authorization.k8s.io/v1/RoleBinding", "rbac.authorization.k8s.io/v1/ClusterRoleBinding"),
    covers=("P1", "X2"),
    check=check,
)
