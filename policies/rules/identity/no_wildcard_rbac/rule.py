"""Roles name what they grant."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Object, Rule
from policies.unknown import known

_KEYS = ("apiGroups", "resources", "verbs", "nonResourceURLs")


def check(obj: Object) -> Iterator[str]:
    for index, rule in enumerate(obj.get("rules") or ()):
        for key in _KEYS:
            if any(known(item) and _wild(key, item) for item in rule.get(key) or ()):
                yield f"rules[{index}].{key} must not hold a wildcard"


def _wild(key: str, item: str) -> bool:
    return item in ("*", "/*") if key == "nonResourceURLs" else "*" in item


RULE = Rule(
    id="no-wildcard-rbac",
    title="Roles name the API groups, resources and verbs that they grant",
    severity="high",
    controls=(
        "CIS-Kubernetes:5.1.3",
        "NIST-800-53:AC-3",
        "NIST-800-53:AC-6",
        "NIST-800-190:4.3.1",
        "MLPS-2.0:8.1.4.2",
        "OWASP-Agentic:T3",
        "OWASP-LLM:LLM06",
    ),
    remediation="List the API groups, resources and verbs that are needed.",
    kinds=("rbac.authorization.k8s.io/v1/Role", "rbac.authorization.k8s.io/v1/ClusterRole"),
    covers=("P1", "X2"),
    check=check,
)
