"""A real AI gateway on one machine: its controllers, a proxy with all that it asks, and providers.

Controllers and proxy work on the API server of a twin; they run as containers without images (`cages.py`),
in networks of their own, so that neither ports nor files of the machine matter.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from components import naming
from components.gateway.values import audit, guard
from components.gateway.values.network import CONTROLLERS, SHIFT
from components.kubernetes import Manifest
from components.model import Gateway
from tests.support.gateway import controllers
from tests.support.gateway.backstage import Backstage
from tests.support.gateway.cages import Cage, Program
from tests.support.gateway.identities import Issuer, certificate
from tests.support.gateway.kubelet import Kubelet
from tests.support.gateway.wire import Answer, send, until
from tests.support.plane import Plane
from tests.support.small import apply
from twin.settings import ROOT

_CA = "/etc/ssl/certs/ca-certificates.crt"
_EXTPROC = "ai-gateway-extproc"
_PROXY_ARGUMENTS = ("--file-flush-interval-msec", "50")
_LIMITS = {"PORT": "8089", "PROMETHEUS_ADDR": ":9125", "DEBUG_PORT": "6071"}
"""Ports of the rate limit service, which shares its network with a proxy that has the usual ones."""


def secret_value(path: str) -> str:
    """What the secret store holds under `path`."""
    return hashlib.sha256(path.encode()).hexdigest()[:48]


class LiveGateway:
    """The gateway of a configuration: start it, deploy objects, run its pods, then call it."""

    def __init__(self, plane: Plane, programs: Mapping[str, Path], gateway: Gateway, folder: Path) -> None:
        self.gateway, self.programs, self.folder = gateway, programs, folder
        self.cluster = plane.cluster()
        self.issuer = Issuer(gateway.identity.issuer, gateway.identity.audience)
        self._kubeconfig = plane.kubeconfig
        config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
        self._server = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
        hosts = folder / "hosts"
        self._outside = Cage(folder / "outside", isolated=False)
        self.backstage = Backstage(self.cluster, programs, folder, hosts, self._outside)
        self.data = Cage(folder / "data")
        self._kubelet = Kubelet(self.cluster, self._server, self.data, hosts)

    @property
    def address(self) -> str:
        """Where the proxy listens in its network."""
        return f"127.0.0.1:{80 + SHIFT}"

    def close(self) -> None:
        """End everything."""
        self._kubelet.stop()
        self.data.close()
        self.backstage.close()
        self._outside.close()
        self.cluster.close()

    def start(self) -> None:
        """The controllers, the providers, and where calls are counted."""
        places = self._providers()
        names = ["localhost", *controllers.HOSTS, *(place["host"] for place in places)]
        (self.folder / "hosts").write_text(f"127.0.0.1 {' '.join(names)}\n", encoding="utf-8")
        self._outside.relay(self.folder / "api.sock", self._server)
        for cage in (self.backstage.manager, self.backstage.extension, self.data):
            cage.relay(self._server, self.folder / "api.sock")
        for manifest in (controllers.machine(), *controllers.chart_objects()):
            apply(self.cluster, manifest)
        self.backstage.start(self._kubeconfig, self._server)
        self.backstage.serve(self.data)
        certificate(self.folder / "public", [place["host"] for place in places])
        settings = {"control": str(self.folder / "control.sock"), "certs": str(self.folder / "public")}
        file = self.folder / "upstream.json"
        file.write_text(json.dumps({**settings, "providers": places}), encoding="utf-8")
        upstream = [sys.executable, "-m", "tests.support.gateway.upstream", str(file)]
        self.data.start("upstream", upstream, {"PYTHONPATH": str(ROOT)})
        port = controllers.COUNTERS_PORT
        counters: Program = [
            self.programs["redis-server"],
            "--bind",
            "127.0.0.1",
            "--port",
            port,
            "--save",
            "",
        ]
        self.data.start("counters", counters)
        self.data.relay(self.folder / "counters.sock", f"127.0.0.1:{port}")

    def _providers(self) -> list[dict[str, Any]]:
        ends = {each.id: each.endpoint for each in self.gateway.providers}
        ends |= {f"tools-{each.id}": each.endpoint for each in self.gateway.tool_servers}
        found: list[dict[str, Any]] = [
            {"name": name, "host": end.host, "port": end.port, "tls": end.tls} for name, end in ends.items()
        ]
        host = self.gateway.identity.jwks.removeprefix("https://").partition("/")[0]
        keys = {"name": "issuer", "host": host, "port": 443, "tls": True, "fixed": self.issuer.jwks()}
        return [*found, keys]

    def deploy(self, manifests: Iterable[Manifest]) -> None:
        """Put a block's objects there, and fill the Secrets that they ask External Secrets for.

        Fields that a definition does not know are refused.
        """
        for manifest in manifests:
            self._patiently(manifest)
            if manifest["kind"] == "ExternalSecret":
                self._patiently(_filled(manifest))

    def _patiently(self, manifest: Manifest) -> None:
        """A namespace's accounts, and a kind's paths, are there a moment after it."""

        def applied() -> bool:
            apply(self.cluster, manifest)
            return True

        until(applied, f"{manifest['kind']} {manifest['metadata']['name']}", 15)

    def run_pods(self) -> None:
        """Run the guard, the rate limit service and one proxy, as the cluster has them."""
        home = naming.GATEWAY_NAMESPACE
        shield = until(lambda: self._pods(home, "app.kubernetes.io/name=guard"), "the guard's pod", 60)[0]
        path = {"PYTHONPATH": str(ROOT / "images" / "guard")}
        self._kubelet.run(shield, {guard.NAME: [sys.executable, "-m", "bastide_guard"]}, path)
        labels = "app.kubernetes.io/component=ratelimit"
        limits = until(lambda: self._pods(CONTROLLERS, labels), "the rate limit service's pod", 60)[0]
        self._kubelet.run(limits, {"envoy-ratelimit": [self.programs["ratelimit"]]}, _LIMITS)
        proxy = until(self._proxies, "a proxy's pod with the AI gateway's processor", 60)[0]
        programs: dict[str, Program] = {
            "envoy": [self.programs["envoy"], *_PROXY_ARGUMENTS],
            _EXTPROC: [self.programs[_EXTPROC]],
        }
        self._kubelet.run(proxy, programs, mounts={_CA: self.folder / "public" / "ca.crt"})
        for name, address in (
            ("gateway", self.address),
            ("admin", "127.0.0.1:19000"),
            ("limits", f"127.0.0.1{_LIMITS['PROMETHEUS_ADDR']}"),
            ("guard", f"127.0.0.1:{guard.METRICS_PORT}"),
        ):
            self.data.relay(self.folder / f"{name}.sock", address)
        until(lambda: self._get("admin", "/ready").status == 200, "the proxy", 60)
        until(lambda: self._get("guard", "/healthz").status == 200, "the guard", 180)

    def _pods(self, namespace: str, labels: str) -> list[dict[str, Any]]:
        """The pods that run and are not about to end."""
        found = self.cluster.items(f"/api/v1/namespaces/{namespace}/pods", params={"labelSelector": labels})
        return [
            pod for pod in found if pod["status"].get("podIP") and "deletionTimestamp" not in pod["metadata"]
        ]

    def _proxies(self) -> list[dict[str, Any]]:
        """The pods of proxies whose processor speaks MCP too."""
        return [
            pod
            for pod in self._pods(naming.GATEWAY_NAMESPACE, "app.kubernetes.io/component=proxy")
            for container in pod["spec"].get("initContainers", ())
            if container["name"] == _EXTPROC and "-mcpAddr" in container["args"]
        ]

    def _get(self, socket_name: str, target: str) -> Answer:
        return send(self.folder / f"{socket_name}.sock", "GET", target)

    def call(
        self, host: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A caller's request: a POST of `body` as JSON, a GET without one."""
        given = {"host": host, "content-type": "application/json", **(headers or {})}
        return send(self.folder / "gateway.sock", "POST" if body else "GET", target, body, given)

    def admin(self, target: str) -> str:
        """What the proxy's administration says."""
        return self._get("admin", target).text

    def metrics(self) -> str:
        """The metrics of the rate limit service."""
        return self._get("limits", "/metrics").text

    def behave(self, provider: str, **behaviour: Any) -> None:
        """Let a provider answer so from now on (see `upstream.Behaviour`); as usual without any."""
        send(self.folder / "control.sock", "PUT", f"/{provider}", behaviour)

    def seen(self, provider: str) -> list[dict[str, Any]]:
        """The requests that a provider got since this was asked last."""
        found: list[dict[str, Any]] = self._get("control", f"/{provider}").json()
        return found

    def forget(self) -> None:
        """Begin anew: no limit has counted, no provider saw or fails anything."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder / "counters.sock"))
            client.sendall(b"FLUSHALL\r\n")
            assert client.recv(64) == b"+OK\r\n"
        for place in self._providers():
            self.behave(place["name"])
            self.seen(place["name"])

    def records(self) -> list[dict[str, Any]]:
        """All audit lines so far, oldest first."""
        lines = (self.data.folder / "envoy.out").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [record for record in found if record.get("kind") == audit.KIND]


def _filled(wanted: Manifest) -> Manifest:
    """The Secret that External Secrets would make."""
    spec = wanted["spec"]
    data = {each["secretKey"]: secret_value(each["remoteRef"]["key"]) for each in spec.get("data", ())}
    if "dataFrom" in spec:  # a password of a generator
        data["password"] = secret_value(wanted["metadata"]["name"])
    meta = {"name": spec["target"]["name"], "namespace": wanted["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}
