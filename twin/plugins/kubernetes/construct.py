"""Components that the provider itself expands: groups of manifests, and charts.

They register their objects with the engine, so that policies and state see each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from twin.plugins.kubernetes import manifests
from twin.plugins.kubernetes.charts import Release, render
from twin.plugins.kubernetes.invoke import KUSTOMIZE
from twin.plugins.kubernetes.manifests import ManifestError, kind_of
from twin.plugins.kubernetes.objects import annotate, meta
from twin.plugins.kubernetes.session import Session
from twin.plugins.kubernetes.stubs import provider_pb2, resource_pb2, resource_pb2_grpc
from twin.plugins.kubernetes.values import (
    RESOURCE,
    SIGNATURE,
    UNKNOWN,
    Object,
    from_api,
    has_secret,
    has_unknown,
    pack,
    plain,
    secret,
    unpack,
)
from twin.plugins.kubernetes.waiting import SKIP

_AT_ONCE = 32
_LARGEST_MESSAGE = 400 << 20


def construct(
    session: Session, version: str, request: provider_pb2.ConstructRequest
) -> provider_pb2.ConstructResponse:
    """Register the component and its objects. Raises `ValueError` for what this stand-in does not expand."""
    if request.type == "kubernetes:kustomize/v2:Directory":
        raise ManifestError(f"{request.type}: {KUSTOMIZE}")
    if request.type not in _SOURCES:
        raise ManifestError(f"{request.type}: the Kubernetes provider has no such component")
    wrapped = unpack(request.inputs)
    inputs = plain(wrapped)
    options = [("grpc.max_receive_message_length", _LARGEST_MESSAGE)]
    with grpc.insecure_channel(request.monitorEndpoint, options=options) as channel:
        registrar = _Registrar(resource_pb2_grpc.ResourceMonitorStub(channel), request, version)
        if has_unknown(inputs):
            registrar.finish({"resources": UNKNOWN})
            return provider_pb2.ConstructResponse(urn=registrar.urn, state=pack({"resources": UNKNOWN}))
        objects = _placed(session, _SOURCES[request.type](session, request.name, inputs), inputs)
        prefix = inputs.get("resourcePrefix", request.name)
        references = registrar.register(objects, prefix, hidden=has_secret(wrapped))
        outputs = {"resources": references}
        registrar.finish(outputs)
        urns = [reference["urn"] for reference in references]
    dependencies = {"resources": provider_pb2.ConstructResponse.PropertyDependencies(urns=urns)}
    return provider_pb2.ConstructResponse(
        urn=registrar.urn, state=pack(outputs), stateDependencies=dependencies
    )


def _group(_: Session, name: str, inputs: Object) -> list[Object]:
    files = inputs.get("files") or []
    found = manifests.read_files([files] if isinstance(files, str) else files, Path.cwd())
    given = inputs.get("objs") or []
    for item in given if isinstance(given, list) else [given]:
        found += manifests.expand(item, f"{name}.objs")
    return found + manifests.parse(inputs.get("yaml") or "", f"{name}.yaml")


def _file(_: Session, name: str, inputs: Object) -> list[Object]:
    return manifests.read_files([inputs.get("file") or name], Path.cwd())


def _chart(session: Session, name: str, inputs: Object) -> list[Object]:
    files = tuple(str(item.get("path", "")) for item in inputs.get("valueYamlFiles") or [])
    release = Release(
        chart=str(inputs.get("chart", "")),
        name=str(inputs.get("name") or name),
        namespace=str(inputs.get("namespace") or session.namespace),
        values=dict(inputs.get("values") or {}),
        value_files=files,
        definitions=not inputs.get("skipCrds"),
        version=str(inputs.get("version") or ""),
    )
    return [
        manifests.with_namespace(item, release.namespace) if session.is_namespaced(kind_of(item)) else item
        for item in render(release)
    ]


_SOURCES: dict[str, Callable[[Session, str, Object], list[Object]]] = {
    "kubernetes:yaml/v2:ConfigGroup": _group,
    "kubernetes:yaml/v2:ConfigFile": _file,
    "kubernetes:helm.sh/v4:Chart": _chart,
}


def _placed(session: Session, objects: list[Object], inputs: Object) -> list[Object]:
    """The objects with names required, the default namespace set, and `skipAwait` passed on."""
    manifests.require_names(objects, "manifest")
    for item in objects:
        if kind_of(item).name == "CustomResourceDefinition":
            session.define(item)
    placed = [
        manifests.with_namespace(item, session.namespace) if session.is_namespaced(kind_of(item)) else item
        for item in objects
    ]
    return [annotate(item, SKIP, "true") for item in placed] if inputs.get("skipAwait") else placed


class _Registrar:
    """Registers the component at once, its children on demand."""

    def __init__(
        self,
        monitor: resource_pb2_grpc.ResourceMonitorStub,
        request: provider_pb2.ConstructRequest,
        version: str,
    ) -> None:
        self._monitor = monitor
        self._version = version
        self._providers = dict(request.providers)
        component = resource_pb2.RegisterResourceRequest(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=False,
            object=request.inputs,
            protect=request.protect,
            providers=self._providers,
            aliases=request.aliases,
            dependencies=request.dependencies,
            acceptSecrets=True,
            acceptResources=True,
            aliasSpecs=True,
        )
        self.urn: str = monitor.RegisterResource(component).urn

    def register(self, objects: list[Object], prefix: str, *, hidden: bool) -> list[Object]:
        """Register `objects` in order, independent ones together; returns references to them."""
        made: dict[int, Any] = {}

        def one(pair: tuple[Object, list[Object]]) -> None:
            subject, before = pair
            urns = [made[id(other)].urn for other in before]
            made[id(subject)] = self._register(subject, prefix, urns, hidden=hidden)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for layer in manifests.layers(objects):
                list(pool.map(one, layer))
        return [_reference(made[id(subject)], self._version) for subject in objects]

    def _register(self, subject: Object, prefix: str, before: list[str], *, hidden: bool) -> Any:
        kind = kind_of(subject)
        opaque: tuple[str, ...] = ("data", "stringData") if kind.name == "Secret" else ()
        if hidden:
            # The text came with a secret in it: which part of it is secret cannot be told any more.
            opaque = tuple(key for key in subject if key not in ("apiVersion", "kind", "metadata"))
        inputs = {key: secret(value) if key in opaque else value for key, value in from_api(subject).items()}
        group = kind.api_version if kind.group else f"core/{kind.api_version}"
        return self._monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=f"kubernetes:{group}:{kind.name}",
                name=manifests.resource_name({"metadata": meta(subject)}, prefix),
                parent=self.urn,
                custom=True,
                object=pack(inputs),
                dependencies=before,
                provider=self._providers.get("kubernetes", ""),
                version=self._version,
                acceptSecrets=True,
                acceptResources=True,
                supportsPartialValues=True,
                supportsResultReporting=True,
            )
        )

    def finish(self, outputs: Object) -> None:
        request = resource_pb2.RegisterResourceOutputsRequest(urn=self.urn, outputs=pack(outputs))
        self._monitor.RegisterResourceOutputs(request)


def _reference(made: Any, version: str) -> Object:
    if made.result == resource_pb2.Result.FAIL:
        raise ManifestError(f"{made.urn} failed")
    return {SIGNATURE: RESOURCE, "urn": made.urn, "id": made.id or UNKNOWN, "packageVersion": version}
