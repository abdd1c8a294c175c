"""A control plane of its own for tests that use the gateway's fixed namespaces, and what deploys to it."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import naming
from components.cluster import MERGE_PATCH, Cluster
from components.gateway import values as gateway_values
from components.governance import values as governance_values
from components.kubernetes import Manifest
from components.model.loading import load_environment
from components.upstream.catalog import charts
from components.upstream.values import stand_in
from tests.cli.providers import Site
from tests.support.definitions import patiently
from tests.support.plane import Plane
from tests.support.small import apply, delete, path
from twin.controlplane.lifecycle import start_plane

EXTERNAL = "/apis/external-secrets.io/v1/externalsecrets"
PUSH = "/apis/external-secrets.io/v1alpha1/pushsecrets"
LABELS = naming.labels(environment="site", layer="platform", block="gateway")


@pytest.fixture
def away(tmp_path: Path) -> dict[str, str]:
    """Variables of a home in which no twin ever ran."""
    return {"BASTIDE_HOME": str(tmp_path / "home")}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture(scope="module")
def gateway_plane(own_plane: Plane) -> Plane:
    """A control plane with stand-ins for all kinds of others."""
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    with own_plane.cluster() as cluster:
        for chart in charts():
            for definition in chart.definitions:
                apply(cluster, stand_in(definition, chart, {}))
        patiently(lambda: [cluster.items(kind) for kind in (EXTERNAL, PUSH)])
    return own_plane


class LiveSite(Site):
    """The environment `site` on a control plane; `up` does to the gateway's objects what its stacks would."""

    def __init__(self, folder: Path, plane: Plane, cluster: Cluster) -> None:
        super().__init__(folder)
        self.cluster = cluster
        self.made: dict[str, Manifest] = {}
        kubeconfig = yaml.safe_load(plane.kubeconfig.read_text())
        kubeconfig["contexts"][0]["name"] = kubeconfig["current-context"] = "site"
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
        self.env["KUBECONFIG"] = str(folder / "kubeconfig")

    def up(self) -> None:
        wanted = {path(self.cluster, manifest): manifest for manifest in self._manifests()}
        for manifest in wanted.values():
            patiently(lambda manifest=manifest: apply(self.cluster, manifest))
        delete(self.cluster, [one for where, one in self.made.items() if where not in wanted])
        self.made = wanted

    def _manifests(self) -> Iterator[Manifest]:
        model = load_environment(self.config, "site")
        gateway = model.platform.gateway
        assert gateway
        table = gateway_values.providers.table(gateway)
        yield gateway_values.home.home(LABELS, "platform@site.example", table)
        yield from gateway_values.upstreams(gateway, LABELS)
        for name, use in model.gateways.items():
            scope = governance_values.scope_of("site", model.tenants[name], use, gateway)
            yield governance_values.home(scope, "platform@site.example")
            yield from governance_values.credentials(scope)
            yield from governance_values.entrances(scope)


class ExternalSecrets:
    """Plays the part of External Secrets: makes, pushes and brings values when it is told to look."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.store: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        self.stopped = threading.Event()
        self.fault: Exception | None = None
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> ExternalSecrets:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()
        if self.fault:
            raise self.fault

    def _run(self) -> None:
        try:
            while not self.stopped.wait(0.05):
                self._look(PUSH, self._push)
                self._look(EXTERNAL, self._bring)
        except Exception as error:
            self.fault = error

    def _look(self, kind: str, act: Callable[[Mapping[str, Any]], None]) -> None:
        for item in self.cluster.items(kind):
            metadata = item["metadata"]
            asked = metadata.get("annotations", {}).get("force-sync", "")
            if self.seen.get(metadata["uid"]) != asked:
                act(item)
                self.seen[metadata["uid"]] = asked

    def _push(self, item: Mapping[str, Any]) -> None:
        for each in item["spec"]["data"]:
            self.store[each["match"]["remoteRef"]["remoteKey"]] = f"made at {time.time_ns()}"
        pushed(self.cluster, item, datetime.now(UTC))

    def _bring(self, item: Mapping[str, Any]) -> None:
        values = {
            each["secretKey"]: self.store.get(each["remoteRef"]["key"], "") for each in item["spec"]["data"]
        }
        metadata = {"name": item["spec"]["target"]["name"], "namespace": item["metadata"]["namespace"]}
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        apply(self.cluster, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def pushed(cluster: Cluster, item: Mapping[str, Any], at: datetime) -> None:
    """Note when a PushSecret gave its value to the store."""
    namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
    where = f"/apis/external-secrets.io/v1alpha1/namespaces/{namespace}/pushsecrets/{name}"
    status = {"status": {"refreshTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    cluster.request("PATCH", f"{where}/status", status, content_type=MERGE_PATCH)


def aged(cluster: Cluster, name: str, hours: float) -> None:
    """Let a PushSecret of acme's have given its value so long ago."""
    item = {"metadata": {"namespace": "acme-gateway", "name": name}}
    pushed(cluster, item, datetime.now(UTC) - timedelta(hours=hours))


@pytest.fixture(scope="module")
def live(gateway_plane: Plane) -> Iterator[Cluster]:
    """A client of the control plane."""
    with gateway_plane.cluster() as cluster:
        yield cluster


@pytest.fixture
def live_site(
    tmp_path: Path, gateway_plane: Plane, live: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveSite]:
    """The environment `site`, deployed; its objects are taken away afterwards, its namespaces stay."""
    site = LiveSite(tmp_path, gateway_plane, live)
    monkeypatch.setenv("KUBECONFIG", site.env["KUBECONFIG"])
    site.up()
    yield site
    spaces = [one for one in site.made.values() if one["kind"] == "Namespace"]
    delete(live, [one for one in site.made.values() if one not in spaces])
    for space in spaces:
        live.request("DELETE", f"/api/v1/namespaces/{space['metadata']['name']}/secrets")
