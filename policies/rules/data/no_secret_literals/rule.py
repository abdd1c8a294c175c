"""No credential stands in plain text where everyone who reads the object sees it.

Patterns are RE2 and the same in admission.yaml. A message never holds a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policies.pods import POD_KINDS, containers
from policies.rule import Object, Rule
from policies.unknown import known

NAME = re.compile(
    r"(?i)(^|[_.-])(passwd|password|secret|token|credentials?|(api|access|private|secret)[_.-]?key)$"
)
VALUES = [
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"PRIVATE KEY-----",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\bgh[opsu]_[0-9A-Za-z]{36}",
        r"\bglpat-[0-9A-Za-z_-]{20}",
        r"\bsk-[0-9A-Za-z_-]{20}",
        r"\bhf_[0-9A-Za-z]{30}",
        r"\bxox[abprs]-[0-9A-Za-z-]{10}",
        r"\beyJ[\w-]+\.eyJ[\w-]+\.",
        r"://[^/\s:@]+:[^/\s:@]+@",
    )
]
_REFERENCE = re.compile(r"^\$\([A-Za-z_][A-Za-z0-9_]*\)$")


def check(obj: Object) -> Iterator[str]:
    if obj["kind"] == "ConfigMap":
        for key, value in (obj.get("data") or {}).items():
            if _credential(key, value):
                yield f"data.{key} looks like a credential"
        return
    for name, container in containers(obj):
        for entry in container.get("env") or ():
            key, value = entry.get("name"), entry.get("value")
            if known(key) and _credential(key, value):
                yield f"container {name}: env {key} looks like a credential"


def _credential(name: str, value: Any) -> bool:
    if not known(value) or not value or _REFERENCE.search(value):
        return False
    return bool(NAME.search(name)) or any(pattern.search(value) for pattern in VALUES)


RULE = Rule(
    id="no-secret-literals",
    title="No credential in environment values or ConfigMaps",
    severity="critical",
    controls=(
        "CIS-Kubernetes:5.4.1",
        "NIST-800-53:IA-5",
        "NIST-800-190:4.1.4",
        "MLPS-2.0:8.1.4.8",
        "OWASP-LLM:LLM02",
    ),
    remediation="Keep the value in a Secret born in the cluster; refer to it by secretKeyRef or a volume.",
    kinds=(*POD_KINDS, "v1/ConfigMap"),
    covers=("P1", "X9", "S9"),
    check=check,
)
