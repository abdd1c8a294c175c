"""No container is privileged."""

from __future__ import annotations

from collections.abc import Iterator

from policies.pods import POD_KINDS, containers, security
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    for name, container in containers(obj):
        if security(container).get("privileged") not in (None, False):
            yield f"container {name}: privileged must not be true"
        if security(container).get("procMount") not in (None, "Default"):
            yield f"container {name}: procMount must be Default"


RULE = Rule(
    id="no-privileged-containers",
    title="No container is privileged",
    severity="critical",
    controls=(
        "CIS-Kubernetes:5.2.2",
        "NIST-800-53:AC-6",
        "NIST-800-53:SC-39",
        "NIST-800-190:4.4.3",
        "MLPS-2.0:8.1.4.2",
        "OWASP-Agentic:T3",
    ),
    remediation="Remove securityContext.privileged; ask for the one device or capability that is needed.",
    kinds=POD_KINDS,
    covers=("P1", "X5"),
    check=check,
)
