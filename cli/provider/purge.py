"""What is left of a provider on the cluster: asked kind by kind, each answer kept as evidence."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from cli.provider.evidence import digest, now
from components import naming
from components.cluster import ApiError, Cluster
from components.gateway.values.home import NAMESPACE
from components.upstream.catalog import charts

_AI: Final = "/apis/aigateway.envoyproxy.io/v1beta1"
_GATEWAY_API: Final = "/apis/gateway.networking.k8s.io"
_ENVOY: Final = "/apis/gateway.envoyproxy.io/v1alpha1"
_SOFTWARE: Final = "envoy-ai-gateway"
_HOME: Final = f"namespaces/{NAMESPACE}"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question to the API server and its answer."""

    what: str
    asked: str
    at: str
    objects: int
    """How many objects were looked at; none where the cluster has no such kind."""
    left: tuple[str, ...]
    """Those that still have to do with the provider: `namespace/name`."""
    digest: str
    """SHA-256 of all names, resource versions and uids that were looked at."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def drained(cluster: Cluster, provider: str) -> list[Check]:
    """Whether nothing sends anything to the provider any more."""
    refers = _refers(provider)
    return [
        _check(cluster, "routes to its models", f"{_AI}/aigatewayroutes", refers),
        _check(cluster, "routes made of these", f"{_GATEWAY_API}/v1/httproutes", refers),
        _check(
            cluster,
            "permissions to refer to it",
            f"{_GATEWAY_API}/v1beta1/referencegrants",
            _permits(provider),
        ),
    ]


def purged(cluster: Cluster, provider: str) -> list[Check]:
    """Whether nothing of the provider is left: no object of its own, no key, no entry, no way to it."""
    own, secret = _named(provider), _named(naming.join("provider", provider))
    return [
        *drained(cluster, provider),
        _check(cluster, "its backends", f"{_AI}/{_HOME}/aiservicebackends", own),
        _check(cluster, "its addresses", f"{_ENVOY}/{_HOME}/backends", own),
        _check(cluster, "its use of a key", f"{_AI}/{_HOME}/backendsecuritypolicies", own),
        _check(cluster, "its key", f"/api/v1/{_HOME}/secrets", secret),
        _check(
            cluster,
            "where its key comes from",
            f"/apis/external-secrets.io/v1/{_HOME}/externalsecrets",
            secret,
        ),
        *(
            _check(
                cluster, f"copies of it in {space}", f"/api/v1/namespaces/{space}/secrets", _copies(provider)
            )
            for space in _spaces()
        ),
        _check(cluster, "its entry among the backends", "/api/v1/namespaces", _entry(provider)),
    ]


_Left = Callable[[Mapping[str, Any]], bool]


def _check(cluster: Cluster, what: str, path: str, left: _Left) -> Check:
    at = now()
    try:
        items = cluster.items(path)
    except ApiError as error:
        if error.code != 404:
            raise
        items = []
    seen = [
        [*_name(item), item["metadata"].get("resourceVersion"), item["metadata"].get("uid")] for item in items
    ]
    names = tuple(sorted("/".join(_name(item)) for item in items if left(item)))
    return Check(what=what, asked=path, at=at, objects=len(items), left=names, digest=digest(sorted(seen)))


def _name(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _named(name: str) -> _Left:
    return lambda item: item["metadata"]["name"] == name


def _refers(provider: str) -> _Left:
    """Whether a rule, or a filter of one, sends to the provider's backend."""

    def left(item: Mapping[str, Any]) -> bool:
        home = item["metadata"].get("namespace")
        return any(
            each.get("name") == provider and each.get("namespace", home) == NAMESPACE
            for each in _references(item.get("spec", {}).get("rules", []))
        )

    return left


def _references(value: Any) -> Iterator[Mapping[str, Any]]:
    """All backend references at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "backendRefs" and isinstance(each, list):
                yield from (reference for reference in each if isinstance(reference, dict))
            elif key == "backendRef" and isinstance(each, dict):
                yield each
            yield from _references(each)


def _permits(provider: str) -> _Left:
    def left(item: Mapping[str, Any]) -> bool:
        mine = item["metadata"].get("namespace") == NAMESPACE
        return mine and any(each.get("name") == provider for each in item.get("spec", {}).get("to", []))

    return left


def _entry(provider: str) -> _Left:
    """Whether the gateway's namespace lists the provider in its table of backends."""

    def left(item: Mapping[str, Any]) -> bool:
        table = item["metadata"].get("annotations", {}).get(naming.BACKENDS, "")
        rows = [row.split(" ") for row in table.splitlines()]
        return item["metadata"]["name"] == NAMESPACE and any(row[0] == provider for row in rows)

    return left


def _spaces() -> list[str]:
    """Where the AI gateway keeps its settings, with the keys of providers: beside itself or the Gateway."""
    return sorted({NAMESPACE, *(chart.namespace for chart in charts() if chart.part_of == _SOFTWARE)})


def _copies(provider: str) -> _Left:
    """Whether a Secret holds settings of the AI gateway's processor for a route to the provider."""
    sign = f"/{provider}/route/".encode()
    return lambda item: any(sign in _decoded(value) for value in (item.get("data") or {}).values())


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except (binascii.Error, ValueError):
        return b""
