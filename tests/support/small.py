"""A small environment with names of its own, on the shared control plane: the blocks' manifests, applied."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from components import naming
from components.cluster import APPLY_PATCH, ApiError, Cluster
from components.commons import values as commons
from components.kubernetes import Manifest
from components.model import Foundation, Platform, SimulatedPool, Tenant
from components.nodes import values as nodes
from components.tenancy import values as tenancy
from tests.support import pages

_POOLS = {"gpu-h100": 1, "gpu-mi300x": 1, "npu-910b3": 1}


@dataclass(frozen=True, kw_only=True)
class Small:
    """The twin's configuration with one machine of three accelerators, and ids nobody else uses."""

    mark: str
    foundation: Foundation
    platform: Platform
    tenants: dict[str, Tenant]

    @classmethod
    def make(cls) -> Small:
        mark = uuid.uuid4().hex[:6]
        tenants = {}
        for name in ("acme", "globex"):
            text = json.dumps(pages.values(name)["tenant"])
            given: dict[str, Any] = json.loads(_renamed(text, mark).replace(name, f"{name}-{mark}"))
            tenants[given["id"]] = Tenant.model_validate(given)
        return cls(
            mark=mark,
            foundation=_foundation(mark),
            platform=Platform.model_validate(pages.values("platform")),
            tenants=tenants,
        )

    def manifests(self) -> Iterator[Manifest]:
        labels = naming.labels(environment=self.mark, layer="test", block="nodes")
        yield from (nodes.device_class(wanted, labels) for wanted in self.foundation.device_classes)
        for pool in self.foundation.pools:
            assert isinstance(pool, SimulatedPool)
            yield from nodes.nodes(pool, self.foundation, labels)
            yield from nodes.slices(pool, self.foundation, labels)
        classes = [wanted.id for wanted in self.foundation.device_classes]
        for tenant in self.tenants.values():
            for entry in tenant.namespaces:
                yield tenancy.namespace_of(self.mark, tenant, entry)
                yield from tenancy.guards(self.mark, tenant, entry, classes)
                yield from tenancy.access(self.mark, tenant, entry)

    def people(self) -> list[Manifest]:
        """The platform's roles."""
        return commons.access({}, self.platform.platform.administrators, self.platform.platform.auditors)


def _renamed(text: str, mark: str) -> str:
    """Device classes are cluster-wide: their ids carry the mark."""
    for name in ("gpu", "npu"):
        text = text.replace(f'"{name}":', f'"{name}-{mark}":')
    return text


def _foundation(mark: str) -> Foundation:
    given = pages.values("foundation")
    given["deviceClasses"] = [{**wanted, "id": f"{wanted['id']}-{mark}"} for wanted in given["deviceClasses"]]
    given["pools"] = [
        {**pool, "id": f"{pool['id']}-{mark}", "count": _POOLS[pool["id"]]}
        for pool in given["pools"]
        if pool["id"] in _POOLS
    ]
    return Foundation.model_validate(given)


def path(cluster: Cluster, manifest: Manifest) -> str:
    """The path of an object, by the server's own discovery."""
    api_version, meta = manifest["apiVersion"], manifest["metadata"]
    base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    plural = {one["kind"]: one["name"] for one in cluster.get(base)["resources"] if "/" not in one["name"]}
    inside = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
    return f"{base}{inside}/{plural[manifest['kind']]}/{meta['name']}"


def apply(cluster: Cluster, manifest: Manifest) -> None:
    options = {"fieldManager": "tests", "force": "true"}
    cluster.request("PATCH", path(cluster, manifest), manifest, params=options, content_type=APPLY_PATCH)


def delete(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    for manifest in manifests:
        try:
            cluster.request("DELETE", path(cluster, manifest))
        except ApiError as error:
            if error.code != 404:
                raise


@contextmanager
def applied(cluster: Cluster, manifests: Iterable[Manifest]) -> Iterator[None]:
    """The objects are there inside, and gone afterwards; what is inside a namespace goes with it."""
    made: list[Manifest] = []
    try:
        for manifest in manifests:
            made.append(manifest)
            apply(cluster, manifest)
        yield
    finally:
        spaces = {one["metadata"]["name"] for one in made if one["kind"] == "Namespace"}
        delete(cluster, (one for one in reversed(made) if one["metadata"].get("namespace") not in spaces))
