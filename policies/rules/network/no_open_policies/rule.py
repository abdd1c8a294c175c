"""Network policies name who may come in and where pods may go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.objects import spec
from policies.rule import Object, Rule
from policies.unknown import known

_DIRECTIONS = {"ingress": "from", "egress": "to"}
_ANYWHERE = ("0.0.0.0/0", "::/0")


def check(obj: Object) -> Iterator[str]:
    for direction, key in _DIRECTIONS.items():
        for index, rule in enumerate(spec(obj).get(direction) or ()):
            peers = rule.get(key)
            if known(peers) and (not peers or any(_everyone(peer) for peer in peers)):
                yield f"spec.{direction}[{index}].{key} names everyone"


def _everyone(peer: Any) -> bool:
    if not known(peer):
        return False
    cidr = (peer.get("ipBlock") or {}).get("cidr")
    if known(cidr) and cidr in _ANYWHERE:
        return True
    selectors = [peer.get("namespaceSelector"), peer.get("podSelector") or {}]
    return (
        all(known(one) and one is not None and not _says(one) for one in selectors) and "ipBlock" not in peer
    )


def _says(selector: Any) -> bool:
    return any(not known(part) or bool(part) for part in selector.values())


RULE = Rule(
    id="no-open-policies",
    title="No network policy lets everyone in, or pods out to everywhere",
    severity="high",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-7",
        "NIST-800-190:4.4.2",
        "MLPS-2.0:8.1.3.2",
        "OWASP-Agentic:T2",
    ),
    remediation="Name namespaces, pods or address ranges in every from and to.",
    kinds=("networking.k8s.io/v1/NetworkPolicy",),
    covers=("P1", "X3"),
    check=check,
)
