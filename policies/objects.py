"""What rules ask of any object: of Kubernetes, or another resource with a kind of our own making."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from components.kubernetes import type_token
from policies.rule import Object, Planned

OPENSTACK: Final = "openstack.org"
"""API group under which rules name OpenStack's resources: `openstack.org/networking/Port`."""
SYSTEM_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")


def metadata(obj: Object) -> Any:
    return obj.get("metadata") or {}


def labels(obj: Object) -> Any:
    return metadata(obj).get("labels") or {}


def notes(obj: Object) -> Any:
    """The annotations of an object; empty where it has none."""
    return metadata(obj).get("annotations") or {}


def name(obj: Object) -> Any:
    """The name of an object; OpenStack's resources have theirs at the top."""
    if str(obj.get("apiVersion")).startswith(f"{OPENSTACK}/"):
        return obj.get("name")
    return metadata(obj).get("name")


def spec(obj: Object) -> Any:
    return obj.get("spec") or {}


def token(kind: str) -> str:
    """The Pulumi type of a rule's kind.

    `apps/v1/Deployment` is `kubernetes:apps/v1:Deployment`, `openstack.org/networking/Port` is
    `openstack:networking/port:Port`.
    """
    api_version, _, name = kind.rpartition("/")
    group, _, module = api_version.partition("/")
    if group == OPENSTACK:
        return f"openstack:{module}/{name[0].lower()}{name[1:]}:{name}"
    return type_token(api_version, name)


def of_kind(resources: Iterable[Planned], kind: str) -> Iterator[Planned]:
    """The resources of one kind whose properties a preview knows at all."""
    wanted = token(kind)
    return (resource for resource in resources if resource.type == wanted and resource.props)


def own_namespaces(resources: Sequence[Planned]) -> Iterator[Planned]:
    """The namespaces that a stack makes."""
    return (ns for ns in of_kind(resources, "v1/Namespace") if metadata(ns.props).get("name"))


def inside(resources: Iterable[Planned], kind: str, namespace: Planned) -> Iterator[Object]:
    """The objects of one kind in a namespace; one whose namespace is unknown counts."""
    name = metadata(namespace.props)["name"]
    return (one.props for one in of_kind(resources, kind) if metadata(one.props).get("namespace") == name)
