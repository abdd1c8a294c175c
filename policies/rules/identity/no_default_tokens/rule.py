"""No pod carries the token of its namespace's default service account."""

from __future__ import annotations

from collections.abc import Iterator

from policies.pods import POD_KINDS, pod_spec
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    spec = pod_spec(obj)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    mounts = spec.get("automountServiceAccountToken") != False  # noqa: E712  an unknown value equals anything
    if known(account) and account == "default" and mounts:
        yield "the default service account's token must not be mounted"


RULE = Rule(
    id="no-default-tokens",
    title="No pod carries the token of the default service account",
    severity="high",
    controls=(
        "CIS-Kubernetes:5.1.5",
        "CIS-Kubernetes:5.1.6",
        "NIST-800-53:AC-6",
        "NIST-800-53:IA-5",
        "MLPS-2.0:8.1.4.1",
        "OWASP-Agentic:T9",
    ),
    remediation="Set automountServiceAccountToken: false, or name a service account of the workload's own.",
    kinds=POD_KINDS,
    covers=("P1", "X2"),
    check=check,
)
