"""Small questions asked of a Kubernetes object."""

from __future__ import annotations

from typing import Any

from twin.plugins.kubernetes.values import Object, is_unknown


def meta(subject: Object) -> Object:
    found = subject.get("metadata")
    return found if isinstance(found, dict) else {}


def annotation(subject: Object, key: str) -> str:
    """The annotation's value, empty where it is absent or unknown."""
    annotations = meta(subject).get("annotations")
    value = annotations.get(key, "") if isinstance(annotations, dict) else ""
    return value if isinstance(value, str) and not is_unknown(value) else ""


def annotate(subject: Object, key: str, value: str) -> Object:
    """`subject` with an annotation; as it is where its annotations are not known yet."""
    metadata = subject.get("metadata", {})
    annotations = metadata.get("annotations") or {} if isinstance(metadata, dict) else ""
    if not isinstance(annotations, dict):
        return subject
    return subject | {"metadata": metadata | {"annotations": annotations | {key: value}}}


def condition(subject: Object, kind: str) -> Object:
    """The status condition of type `kind`, empty where there is none."""
    status = subject.get("status")
    conditions = status.get("conditions") or [] if isinstance(status, dict) else []
    return next((item for item in conditions if item.get("type") == kind), {})


def at(subject: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for key in path.split("."):
        if not isinstance(subject, dict):
            return None
        subject = subject.get(key)
    return subject


def identifier(subject: Object) -> str:
    """The Pulumi id of an object: `namespace/name`, or `name`."""
    data = meta(subject)
    return f"{data['namespace']}/{data['name']}" if data.get("namespace") else str(data["name"])
