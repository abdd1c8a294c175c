"""A change of a policy takes effect within a second: in a folder, and on a real API server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bastide_guard.sources import watch_cluster, watch_folder
from bastide_guard.tenants import Tenants
from components.cluster import MERGE_PATCH
from tests.images.guard.samples import HOST, text
from tests.support.plane import Plane

EFFECT = 1.0
"""Seconds within which a change must be in force."""


async def until(true: Callable[[], bool], seconds: float = EFFECT) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def watching(source: Coroutine[Any, Any, None], steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the steps of a test while a source is followed."""

    async def run() -> None:
        task = asyncio.create_task(source)
        try:
            await steps()
            assert not task.done()
        finally:
            task.cancel()

    asyncio.run(run())


def test_a_folder(tmp_path: Path) -> None:
    tenants = Tenants()

    async def steps() -> None:
        await until(lambda: tenants.synchronized)
        (tmp_path / "acme.json").write_text(text())
        await until(lambda: tenants.at(HOST) is not None)
        (tmp_path / "acme.json").write_text(text(hosts=["new.ai.test"]))
        await until(lambda: tenants.at("new.ai.test") is not None)
        (tmp_path / "acme.json").write_text("{")
        await until(lambda: tenants.refused == 1)
        assert tenants.at("new.ai.test") is not None
        (tmp_path / "acme.json").unlink()
        await until(lambda: len(tenants) == 0)

    watching(watch_folder(tmp_path, tenants), steps)


def test_a_mounted_configmap_is_swapped_by_a_link(tmp_path: Path) -> None:
    tenants = Tenants()
    for version, host in (("one", HOST), ("two", "new.ai.test")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "acme.json").write_text(text(hosts=[host]))
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / "acme.json").symlink_to("../data/acme.json")

    async def steps() -> None:
        await until(lambda: tenants.at(HOST) is not None)
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(tmp_path / "data")
        await until(lambda: tenants.at("new.ai.test") is not None)

    watching(watch_folder(tmp_path / "mount", tenants), steps)


def configmap(name: str, content: str, label: str = "bastide.dev/tenant") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {label: "some"}},
        "data": {"policy.json": content},
    }


@pytest.mark.plane
def test_configmaps(plane: Plane, namespace: str) -> None:
    tenants = Tenants()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    took: dict[str, float] = {}

    with plane.cluster() as cluster:
        cluster.request("POST", path, configmap("guard-acme", text()))
        cluster.request("POST", path, configmap("other", text(tenant="other", hosts=["o.ai.test"])))
        cluster.request(
            "POST",
            path,
            configmap("guard-zeta", text(tenant="zeta", hosts=["z.ai.test"]), label="bastide.dev/block"),
        )

        async def change(method: str, body: Any, true: Callable[[], bool]) -> None:
            options = {"content_type": MERGE_PATCH} if method == "PATCH" else {}
            begun = time.monotonic()
            await asyncio.to_thread(cluster.request, method, f"{path}/guard-acme", body, **options)
            await until(true)
            took[method] = time.monotonic() - begun

        async def steps() -> None:
            await until(lambda: tenants.synchronized, 10)
            assert tenants.at(HOST) is not None
            assert len(tenants) == 1
            patch = {"data": {"policy.json": text(hosts=["new.ai.test"])}}
            await change("PATCH", patch, lambda: tenants.at("new.ai.test") is not None)
            await change("PATCH", {"data": {"policy.json": "{"}}, lambda: tenants.refused == 1)
            await change("PATCH", {"data": {"policy.json": None}}, lambda: tenants.refused == 2)
            assert tenants.at("new.ai.test") is not None
            await change("DELETE", None, lambda: len(tenants) == 0)

        watching(watch_cluster(plane.kubeconfig, namespace, tenants), steps)
    print(json.dumps(took))


def test_an_unreachable_cluster_changes_nothing(tmp_path: Path) -> None:
    tenants = Tenants()
    tenants.put("acme", text())

    async def steps() -> None:
        await asyncio.sleep(0.3)
        assert not tenants.synchronized
        assert tenants.at(HOST) is not None

    watching(watch_cluster(tmp_path / "no-kubeconfig", "x", tenants), steps)
