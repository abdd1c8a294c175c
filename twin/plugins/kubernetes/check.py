"""Making a program's inputs complete: name, namespace, one spelling of what has several."""

from __future__ import annotations

import base64
import binascii

from twin.plugins.kubernetes.fields import without_bookkeeping
from twin.plugins.kubernetes.kinds import Kind, is_list
from twin.plugins.kubernetes.naming import assign
from twin.plugins.kubernetes.objects import meta
from twin.plugins.kubernetes.session import Session
from twin.plugins.kubernetes.state import program_inputs
from twin.plugins.kubernetes.stubs import provider_pb2
from twin.plugins.kubernetes.values import Object, conceal, from_api, has_unknown, is_unknown


class CheckError(ValueError):
    """Inputs that cannot be used: `path` is the property, the text what is wrong and how to mend it."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(reason)


def checked(
    session: Session, kind: Kind, request: provider_pb2.CheckRequest, wrapped: Object, wrapped_old: Object
) -> Object:
    """The inputs to use from now on, secrets marked. Raises `CheckError` and `NamingError`."""
    inputs, old = program_inputs(wrapped), program_inputs(wrapped_old)
    _require(kind, inputs)
    inputs = normalised({"apiVersion": kind.api_version, "kind": kind.name, **inputs})
    if kind.patch and not meta(inputs).get("name") and not is_unknown(inputs.get("metadata")):
        raise CheckError("metadata.name", "a Patch resource changes an object that exists: name it")
    options = request.autonaming if request.HasField("autonaming") else None
    name = request.urn.rsplit("::", 1)[-1]
    inputs = assign(inputs, old, name, request.randomSeed, options)
    if (
        not is_unknown(inputs["metadata"])
        and not meta(inputs).get("namespace")
        and session.is_namespaced(kind)
    ):
        inputs = inputs | {"metadata": meta(inputs) | {"namespace": session.namespace}}
    if kind.name == "CustomResourceDefinition" and kind.group == "apiextensions.k8s.io":
        session.define(inputs)
    return conceal(from_api(inputs), wrapped)


def _require(kind: Kind, inputs: Object) -> None:
    if kind.group == "helm.sh":
        raise CheckError(
            "chart",
            "this stand-in does not install Helm releases: use `kubernetes:helm.sh/v4:Chart` with a local "
            "chart, or install the official provider",
        )
    if is_list(kind):
        raise CheckError(
            "kind",
            "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be "
            "created directly. Use the underlying resource type instead",
        )
    for key, expected in (("apiVersion", kind.api_version), ("kind", kind.name)):
        given = inputs.get(key, expected)
        same = given == expected or (key == "apiVersion" and given == f"core/{expected}")
        if not same and not is_unknown(given):
            raise CheckError(key, f"{given!r} does not fit the resource's type, which says {expected!r}")
    metadata = inputs.get("metadata", {})
    if not isinstance(metadata, dict) and not is_unknown(metadata):
        raise CheckError(
            "metadata", f"must be an object with `name` and `namespace`, not {type(metadata).__name__}"
        )
    for key in ("name", "namespace"):
        if not isinstance(meta(inputs).get(key, ""), str):
            raise CheckError(f"metadata.{key}", "must be a string")


def normalised(inputs: Object) -> Object:
    """`inputs` as the API server would write them where it changes what it is given."""
    inputs = without_bookkeeping(inputs)
    if str(inputs.get("apiVersion", "")).startswith("core/"):
        inputs = inputs | {"apiVersion": inputs["apiVersion"].removeprefix("core/")}
    if inputs.get("kind") == "Secret" and inputs.get("apiVersion") == "v1" and not has_unknown(inputs):
        return _one_data(inputs)
    if inputs.get("kind") == "CustomResourceDefinition":
        inputs = {key: value for key, value in inputs.items() if key != "status"}
        spec = inputs.get("spec")
        if isinstance(spec, dict) and spec.get("preserveUnknownFields") is False:
            inputs["spec"] = {key: value for key, value in spec.items() if key != "preserveUnknownFields"}
    return inputs


def _one_data(inputs: Object) -> Object:
    """A Secret whose `stringData` is in `data`, where the API server puts it."""
    data, text = inputs.get("data") or {}, inputs.get("stringData") or {}
    if not isinstance(data, dict) or not isinstance(text, dict):
        raise CheckError("data", "`data` and `stringData` must be objects of strings")
    merged = {key: _canonical(value) for key, value in data.items()}
    merged |= {key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()}
    rest = {key: value for key, value in inputs.items() if key not in ("data", "stringData")}
    return rest | ({"data": merged} if "data" in inputs or text else {})


def _canonical(value: object) -> object:
    try:
        return base64.b64encode(base64.b64decode(str(value))).decode() if isinstance(value, str) else value
    except binascii.Error:
        return value  # the API server says what is wrong with it
