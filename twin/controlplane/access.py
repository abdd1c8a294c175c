"""What KWOK may do: exactly what it needs to play machines and pods."""

from __future__ import annotations

from typing import Any, Final

from components.cluster import APPLY_PATCH, Cluster

_NAME: Final = "bastide:kwok"
_API: Final = "/apis/rbac.authorization.k8s.io/v1"

ROLE: Final[dict[str, Any]] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": _NAME},
    "rules": [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": [""],
            "resources": ["nodes/status", "pods/status"],
            "verbs": ["patch", "update"],
        },
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "verbs": ["get", "list", "watch", "patch", "update", "delete"],
        },
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": ["create", "get", "list", "watch", "patch", "update"],
        },
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    ],
}
BINDING: Final[dict[str, Any]] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": _NAME},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NAME},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": _NAME}],
}


def grant(cluster: Cluster) -> None:
    """Apply the role and its binding."""
    for kind, document in (("clusterroles", ROLE), ("clusterrolebindings", BINDING)):
        cluster.request(
            "PATCH",
            f"{_API}/{kind}/{_NAME}",
            document,
            content_type=APPLY_PATCH,
            params={"fieldManager": "bastide-twin", "force": "true"},
        )
