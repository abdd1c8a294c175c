"""Objects on an API server: where each kind lives, and reading, applying and deleting by name."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.cluster import APPLY_PATCH, JSON, ApiError, Cluster, UnreachableError
from twin.plugins.kubernetes.kinds import Kind
from twin.plugins.kubernetes.objects import meta
from twin.plugins.kubernetes.values import Object

JSON_PATCH = "application/json-patch+json"
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_ATTEMPTS = 5
_LONGEST_PAUSE = 10.0


class NoSuchKindError(Exception):
    """The API server does not know the kind (yet)."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        advice = "Check the spelling of apiVersion and kind"
        if not kind.built_in:
            advice = (
                f"Its CustomResourceDefinition (group {kind.group}, kind {kind.name}) is not installed: "
                "create it first, and let this resource depend on it"
            )
        where = f'kind "{kind.name}" in version "{kind.api_version}"'
        super().__init__(f"no matches for {where}: the API server does not serve it. {advice}")


class StoppedError(Exception):
    """The engine asked the provider to stop."""

    def __init__(self) -> None:
        super().__init__("canceled before it was done")


@dataclass(frozen=True)
class Place:
    """Where the objects of a kind live."""

    base: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        folder = f"/namespaces/{namespace or 'default'}" if self.namespaced else ""
        return f"{self.base}{folder}/{self.plural}" + (f"/{name}" if name else "")


class Api:
    """One API server. Thread-safe; `stopping` ends every wait at once."""

    def __init__(self, cluster: Cluster, stopping: threading.Event) -> None:
        self._cluster = cluster
        self._stopping = stopping
        self._places: dict[str, dict[str, Place]] = {}
        self._lock = threading.Lock()

    @property
    def server(self) -> str:
        return self._cluster.server

    def version(self) -> str:
        return str(self._cluster.get("/version").get("gitVersion", ""))

    def close(self) -> None:
        self._cluster.close()

    def pause(self, seconds: float) -> None:
        """Sleep; raises `StoppedError` where the engine asks to stop."""
        if self._stopping.wait(seconds):
            raise StoppedError

    def place(self, kind: Kind) -> Place:
        """Where `kind` lives; asks again where it is not known. Raises `NoSuchKindError`."""
        known = self._places.get(kind.api_version, {})
        if kind.name not in known:
            # One thread asks for a version; those that wait for it need not ask again.
            with self._lock:
                if self._places.get(kind.api_version, {}) is known or not known:
                    self._places[kind.api_version] = self._discover(kind)
                known = self._places[kind.api_version]
        if kind.name not in known:
            raise NoSuchKindError(kind)
        return known[kind.name]

    def _discover(self, kind: Kind) -> dict[str, Place]:
        base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
        try:
            found = self.request("GET", base).get("resources", [])
        except ApiError as error:
            if error.code == 404:
                raise NoSuchKindError(kind) from None
            raise
        return {
            item["kind"]: Place(base, item["name"], item["namespaced"])
            for item in found
            if "/" not in item["name"]
        }

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return self.request("GET", self.place(kind).path(namespace, name))

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The live object; None only where the API server says that there is none."""
        try:
            return self.get(kind, namespace, name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def items(self, kind: Kind, namespace: str, **selectors: str) -> list[Object]:
        """All objects of a kind, page by page."""
        found: list[Object] = []
        path, params = self.place(kind).path(namespace), {"limit": "500", **selectors}
        while True:
            page = self.request("GET", path, params=params)
            found += page.get("items") or []
            params["continue"] = meta(page).get("continue") or ""
            if not params["continue"]:
                return found

    def apply(
        self, kind: Kind, subject: Object, manager: str, *, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply; returns the live object, or what it would be."""
        place, data = self.place(kind), meta(subject)
        if not place.namespaced and "namespace" in data:
            data = {key: value for key, value in data.items() if key != "namespace"}
            subject = subject | {"metadata": data}
        params = {"fieldManager": manager, "force": "true" if force else "false"}
        if dry_run:
            params["dryRun"] = "All"
        path = place.path(data.get("namespace", ""), data["name"])
        return self.request("PATCH", path, subject, params=params, content_type=APPLY_PATCH)

    def patch(self, kind: Kind, namespace: str, name: str, operations: list[Object]) -> Object:
        """A JSON patch, all or nothing."""
        path = self.place(kind).path(namespace, name)
        return self.request("PATCH", path, operations, content_type=JSON_PATCH)

    def delete(self, kind: Kind, namespace: str, name: str, propagation: str) -> Object:
        path = self.place(kind).path(namespace, name)
        return self.request("DELETE", path, {"propagationPolicy": propagation})

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Object:
        """One request, tried again where the server is overloaded or the connection broke.

        Every request of this module may be sent twice without harm: applies and patches of the same content,
        reads, and deletions.
        """
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            wait = min(0.2 * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.7, 1.3)  # noqa: S311
            try:
                return self._cluster.request(method, path, body, params=params, content_type=content_type)
            except ApiError as error:
                if last or error.code not in _TRANSIENT:
                    raise
                wait = min(
                    float((error.status.get("details") or {}).get("retryAfterSeconds", wait)), _LONGEST_PAUSE
                )
            except UnreachableError:
                if last:
                    raise
            self.pause(wait)
        raise AssertionError("the last attempt returns or raises")


def until(seconds: float) -> float:
    """The moment `seconds` from now, on the clock that `passed` reads."""
    return time.monotonic() + seconds


def passed(moment: float) -> bool:
    return time.monotonic() >= moment
