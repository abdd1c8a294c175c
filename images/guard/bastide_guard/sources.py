"""Where policies come from: a folder, or ConfigMaps in a cluster. Both are watched."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

from lightkube import AsyncClient, operators
from lightkube.config.kubeconfig import KubeConfig
from lightkube.resources.core_v1 import ConfigMap

from bastide_guard.tenants import Tenants

LOG: Final = logging.getLogger(__name__)

SELECTOR: Final[dict[str, Any]] = {"bastide.dev/tenant": operators.exists()}
PREFIX: Final = "guard-"
KEY: Final = "policy.json"
POLL: Final = 0.25
"""Seconds between two looks at a folder."""
FRESH: Final = 60.0
"""Seconds after which everything is listed anew: a connection may have died in silence."""
PAUSE: Final = 0.5
"""Seconds before another try."""


async def watch_folder(folder: Path, tenants: Tenants) -> None:
    """Follow the files `<tenant>.json` of a folder, for ever."""
    seen: dict[str, tuple[int, int, int]] | None = None
    while True:
        try:
            now = {
                path.stem: ((stat := path.stat()).st_mtime_ns, stat.st_size, stat.st_ino)
                for path in folder.glob("*.json")
            }
            if now != seen:
                tenants.replace({name: (folder / f"{name}.json").read_text() for name in now})
                seen = now
        except (OSError, UnicodeDecodeError) as error:
            LOG.error("policies in %s cannot be read: %s", folder, type(error).__name__)
        await asyncio.sleep(POLL)


def connect(kubeconfig: Path | None) -> AsyncClient:
    """A client with the identity of a file, else of the pod's service account, its token read anew."""
    config = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_service_account()
    return AsyncClient(config, trust_env=False)


async def watch_cluster(kubeconfig: Path | None, namespace: str | None, tenants: Tenants) -> None:
    """Follow the ConfigMaps `guard-<tenant>` of a namespace (by default the identity's own), for ever.

    While the cluster cannot be reached, all stays as it is.
    """
    while True:
        try:
            client = connect(kubeconfig)
            try:
                async with asyncio.timeout(FRESH):
                    await _follow(client, namespace or client.namespace, tenants)
            finally:
                await client.close()
        except TimeoutError:
            continue
        except Exception as error:  # whatever a cluster answers, the policies in force stay
            LOG.error("policies cannot be watched: %s", type(error).__name__)
            await asyncio.sleep(PAUSE)


async def _follow(client: AsyncClient, namespace: str, tenants: Tenants) -> None:
    listed = client.list(ConfigMap, namespace=namespace, labels=SELECTOR)
    found = {name: text async for each in listed for name, text in _policies(each)}
    tenants.replace(found)
    version = listed.resourceVersion
    async for event, each in client.watch(
        ConfigMap, namespace=namespace, labels=SELECTOR, resource_version=version
    ):
        for name, text in _policies(each):
            if event == "DELETED":
                tenants.remove(name)
            else:
                tenants.put(name, text)


def _policies(each: ConfigMap) -> list[tuple[str, str]]:
    """Tenant and policy, if this is one."""
    name = (each.metadata.name if each.metadata else None) or ""
    if not name.startswith(PREFIX):
        return []
    return [(name.removeprefix(PREFIX), (each.data or {}).get(KEY, ""))]
