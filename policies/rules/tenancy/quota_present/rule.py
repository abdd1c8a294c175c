"""No namespace of ours is without bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.objects import inside, metadata, own_namespaces, spec
from policies.rule import Object, Planned, Rule

_BOUNDS = ("requests.cpu", "requests.memory", "pods")


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    for namespace in own_namespaces(resources):
        quotas = inside(resources, "v1/ResourceQuota", namespace)
        if not any(_bounds(quota) for quota in quotas):
            name = metadata(namespace.props)["name"]
            yield namespace.urn, f"namespace {name} has no quota of {', '.join(_BOUNDS)}"


def _bounds(quota: Object) -> bool:
    hard = spec(quota).get("hard") or {}
    return all(key in hard for key in _BOUNDS)


RULE = Rule(
    id="quota-present",
    title="Every namespace has a quota of CPU, memory and pods",
    severity="high",
    controls=(
        "NIST-800-53:SC-5",
        "NIST-800-53:SC-6",
        "ISO-42001:A.4.5",
        "OWASP-Agentic:T4",
        "OWASP-LLM:LLM10",
    ),
    remediation="Add a ResourceQuota with requests.cpu, requests.memory and pods.",
    kinds=("v1/Namespace", "v1/ResourceQuota"),
    covers=("P1", "T1"),
    check_stack=check_stack,
)
