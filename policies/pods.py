"""Where Kubernetes kinds keep the pods that they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.rule import Object

POD_KINDS: Final = (
    "v1/Pod",
    "v1/PodTemplate",
    "v1/ReplicationController",
    "apps/v1/Deployment",
    "apps/v1/StatefulSet",
    "apps/v1/DaemonSet",
    "apps/v1/ReplicaSet",
    "batch/v1/Job",
    "batch/v1/CronJob",
)
_PATHS: Final = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_TEMPLATE: Final = ("spec", "template", "spec")
_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")


def pod_spec(obj: Object) -> Object:
    """The pod specification in an object of any of POD_KINDS; empty where it has none."""
    spec: Any = obj
    for key in _PATHS.get(obj["kind"], _TEMPLATE):
        spec = spec.get(key) or {}
    found: Object = spec
    return found


def containers(obj: Object, ephemeral: bool = True) -> Iterator[tuple[str, Any]]:
    """Name and specification of each container of an object's pods."""
    spec = pod_spec(obj)
    for key in _LISTS if ephemeral else _LISTS[:2]:
        for container in spec.get(key) or ():
            yield container.get("name", "?"), container


def volumes(obj: Object) -> Iterator[tuple[str, Any]]:
    """Name and specification of each volume of an object's pods."""
    for volume in pod_spec(obj).get("volumes") or ():
        yield volume.get("name", "?"), volume


def images(obj: Object) -> Iterator[tuple[str, Any]]:
    """Where a pod names an image (`container app`, `volume data`), and what it says there."""
    for name, container in containers(obj):
        yield f"container {name}", container.get("image")
    for name, volume in volumes(obj):
        if any(key == "image" for key in volume):
            yield f"volume {name}", volume["image"].get("reference")


def security(part: Any) -> Any:
    """The security context of a pod or a container; empty where it has none."""
    return part.get("securityContext") or {}
