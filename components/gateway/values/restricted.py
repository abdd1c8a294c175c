"""What every container and pod of the gateway says of itself.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

USER: Final = 65532
BURST: Final = "4"
"""The most processors that one container may take."""


def container_security(*, writes: bool = False) -> dict[str, Any]:
    """A container without privileges; `writes` says whether it may write its own file system."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": not writes,
        "runAsGroup": USER,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def pod_security() -> dict[str, Any]:
    """A pod that runs as nobody."""
    return {
        "fsGroup": USER,
        "runAsGroup": USER,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def resources(cpu: int, memory: int) -> dict[str, dict[str, str]]:
    """`cpu` milli-cores are asked for and may be exceeded up to `BURST`, `memory` MiB may not.

    The limit of processors is written down, because the namespace's default limit would take its place.
    """
    return {
        "requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"},
        "limits": {"cpu": BURST, "memory": f"{memory}Mi"},
    }


def spread(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Pods stand apart: by zone where possible, then by machine."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
