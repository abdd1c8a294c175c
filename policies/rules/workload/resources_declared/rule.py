"""Containers say what they need and the most memory that they may take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.pods import POD_KINDS, containers
from policies.rule import Object, Rule


def check(obj: Object) -> Iterator[str]:
    for name, container in containers(obj, ephemeral=False):
        missing = list(_missing(container.get("resources") or {}))
        if missing:
            yield f"container {name}: {', '.join(missing)} missing"


def _missing(resources: Any) -> Iterator[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for key in ("cpu", "memory"):
        if key not in requests and key not in limits:  # the API takes a limit as the request, too
            yield f"requests.{key}"
    if "memory" not in limits:
        yield "limits.memory"


RULE = Rule(
    id="resources-declared",
    title="Containers declare requests of CPU and memory and a limit of memory",
    severity="medium",
    controls=(
        "NIST-800-53:SC-5",
        "NIST-800-53:SC-6",
        "ISO-42001:A.4.5",
        "OWASP-Agentic:T4",
        "OWASP-LLM:LLM10",
    ),
    remediation="Set resources.requests.cpu, resources.requests.memory and resources.limits.memory.",
    kinds=POD_KINDS,
    check=check,
)
