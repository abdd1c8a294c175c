"""Manifests as text: parsed, lists taken apart, put in the order in which they can be created."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from twin.plugins.kubernetes.kinds import Kind
from twin.plugins.kubernetes.objects import annotation, at, meta
from twin.plugins.kubernetes.values import Object

_DEPENDS_ON = "config.kubernetes.io/depends-on"


class ManifestError(ValueError):
    """Text that holds no Kubernetes objects; says where, and what is expected."""


def parse(text: str, origin: str) -> list[Object]:
    """The objects of a text of YAML documents, lists taken apart. Raises `ManifestError`."""
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ManifestError(f"{origin}{where}: {problem}") from None
    return [item for document in documents for item in expand(document, origin)]


class _Loader(yaml.SafeLoader):
    """Dates stay text, as the API wants them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def expand(document: Any, origin: str) -> Iterator[Object]:
    """The objects of a document: none where it is empty, several where it is a list."""
    if not document:
        return
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        raise ManifestError(f"{origin}: Kubernetes resources require a kind and apiVersion")
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from expand(item, origin)
        return
    if str(document["apiVersion"]).startswith("core/"):
        document = document | {"apiVersion": document["apiVersion"].removeprefix("core/")}
    yield document


def read_files(patterns: Iterable[str], folder: Path) -> list[Object]:
    """The objects of files, which may be named by glob patterns below `folder`."""
    found: list[Object] = []
    for pattern in patterns:
        if "://" in pattern:
            raise ManifestError(
                f"{pattern}: this stand-in does not fetch files; download it and name the file"
            )
        path = folder / pattern
        paths = (
            sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))) if "*" in pattern else [path]
        )
        if not paths or not all(file.is_file() for file in paths):
            raise ManifestError(f"{path}: no such file")
        for file in paths:
            found += parse(file.read_text(), str(file))
    return found


def kind_of(subject: Object) -> Kind:
    return Kind(str(subject["apiVersion"]), str(subject["kind"]))


def layers(objects: list[Object]) -> list[list[tuple[Object, list[Object]]]]:
    """The objects with those each depends on, in layers that can be created one after the other.

    An object depends on its namespace, on its kind's definition, and on what its annotation
    `config.kubernetes.io/depends-on` names. Raises `ManifestError` for a circle.
    """
    needs = [(subject, list(_needs(subject, objects))) for subject in objects]
    done: list[int] = []
    found = []
    while needs:
        free = [(subject, before) for subject, before in needs if all(id(one) in done for one in before)]
        if not free:
            names = ", ".join(sorted(str(meta(subject).get("name")) for subject, _ in needs))
            raise ManifestError(f"{_DEPENDS_ON}: {names} wait for each other")
        done += [id(subject) for subject, _ in free]
        needs = [pair for pair in needs if id(pair[0]) not in done]
        found.append(free)
    return found


def _needs(subject: Object, objects: Iterable[Object]) -> Iterator[Object]:
    kind, namespace = kind_of(subject), meta(subject).get("namespace")
    named = {part.strip() for part in annotation(subject, _DEPENDS_ON).split(",") if part.strip()}
    for other in objects:
        if other is subject:
            continue
        theirs = kind_of(other)
        its_namespace = theirs == Kind("v1", "Namespace") and meta(other).get("name") == namespace
        its_definition = (
            theirs.name == "CustomResourceDefinition"
            and at(other, "spec.group") == kind.group
            and at(other, "spec.names.kind") == kind.name
        )
        if its_namespace or its_definition or _reference(other) in named:
            yield other


def _reference(subject: Object) -> str:
    kind, data = kind_of(subject), meta(subject)
    folder = f"namespaces/{data['namespace']}/" if data.get("namespace") else ""
    return f"{kind.group}/{folder}{kind.name}/{data.get('name')}"


def require_names(objects: Iterable[Object], origin: str) -> None:
    for subject in objects:
        if not meta(subject).get("name"):
            raise ManifestError(f"{origin}: {subject['kind']}: Kubernetes resources require a .metadata.name")


def with_namespace(subject: Object, namespace: str) -> Object:
    if meta(subject).get("namespace") or not namespace:
        return subject
    return subject | {"metadata": {**meta(subject), "namespace": namespace}}


def resource_name(subject: Mapping[str, Any], prefix: str) -> str:
    """The Pulumi name of an object of a group: `prefix:namespace/name`."""
    data = subject["metadata"]
    name = f"{data['namespace']}/{data['name']}" if data.get("namespace") else str(data["name"])
    return f"{prefix}:{name}" if prefix else name
