"""Pods use neither paths, nor namespaces, nor ports of their machine."""

from __future__ import annotations

from collections.abc import Iterator

from policies.pods import POD_KINDS, containers, pod_spec, volumes
from policies.rule import Object, Rule

_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


def check(obj: Object) -> Iterator[str]:
    spec = pod_spec(obj)
    for key in _NAMESPACES:
        if spec.get(key) not in (None, False):
            yield f"{key} must not be true"
    for name, volume in volumes(obj):
        if any(key == "hostPath" for key in volume):
            yield f"volume {name}: hostPath is not allowed"
    for name, container in containers(obj):
        for port in container.get("ports") or ():
            if port.get("hostPort") not in (None, 0):
                yield f"container {name}: hostPort is not allowed"


RULE = Rule(
    id="no-host-access",
    title="Pods use neither paths, nor namespaces, nor ports of their machine",
    severity="critical",
    controls=(
        "CIS-Kubernetes:5.2.3",
        "CIS-Kubernetes:5.2.4",
        "CIS-Kubernetes:5.2.5",
        "CIS-Kubernetes:5.2.12",
        "CIS-Kubernetes:5.2.13",
        "NIST-800-53:SC-39",
        "NIST-800-190:4.5.2",
        "NIST-800-190:4.5.5",
        "MLPS-2.0:8.1.4.2",
        "OWASP-Agentic:T11",
    ),
    remediation="Use a persistent volume claim, a Service and the pod's own namespaces instead.",
    kinds=POD_KINDS,
    covers=("P1", "X5"),
    check=check,
)
