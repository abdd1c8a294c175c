"""Pods run as Pod Security's `restricted` level asks.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.pods import POD_KINDS, containers, pod_spec, security, volumes
from policies.rule import Object, Rule

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_PROFILES = ("RuntimeDefault", "Localhost")


def check(obj: Object) -> Iterator[str]:
    pod = security(pod_spec(obj))
    for name, container in containers(obj):
        wrong = list(_wrong(pod, security(container)))
        if wrong:
            yield f"container {name}: {', '.join(wrong)}"
    for name, volume in volumes(obj):
        others = sorted(set(volume) - _VOLUMES - {"name"})
        if others:
            yield f"volume {name}: type {', '.join(others)} is not allowed"


def _wrong(pod: Any, own: Any) -> Iterator[str]:
    if own.get("allowPrivilegeEscalation") != False:  # noqa: E712  an unknown value equals anything
        yield "allowPrivilegeEscalation must be false"
    if _inherited(pod, own, "runAsNonRoot") != True:  # noqa: E712
        yield "runAsNonRoot must be true"
    if not all(_not_root(part.get("runAsUser")) for part in (pod, own)):
        yield "runAsUser must not be 0"
    profile = _inherited(pod, own, "seccompProfile") or {}
    if profile.get("type") not in _PROFILES:
        yield "seccompProfile.type must be RuntimeDefault or Localhost"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "capabilities.drop must hold ALL"
    if any(added != "NET_BIND_SERVICE" for added in capabilities.get("add") or ()):
        yield "capabilities.add may hold NET_BIND_SERVICE only"


def _inherited(pod: Any, own: Any, key: str) -> Any:
    return pod.get(key) if own.get(key) is None else own.get(key)


def _not_root(uid: Any) -> bool:
    return uid is None or not isinstance(uid, (int, float)) or uid != 0


RULE = Rule(
    id="restricted-pods",
    title="Pods run without root, escalation and capabilities, under the runtime's seccomp profile",
    severity="high",
    controls=(
        "CIS-Kubernetes:5.2.6",
        "CIS-Kubernetes:5.2.7",
        "CIS-Kubernetes:5.2.9",
        "CIS-Kubernetes:5.7.2",
        "CIS-Kubernetes:5.7.3",
        "NIST-800-53:AC-6",
        "NIST-800-190:4.4.3",
        "MLPS-2.0:8.1.4.4",
        "OWASP-Agentic:T11",
    ),
    remediation="Set the pod's and the containers' securityContext as Pod Security's level restricted asks.",
    kinds=POD_KINDS,
    covers=("P1", "X5"),
    check=check,
)
