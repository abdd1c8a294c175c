"""The controllers behind a gateway, as processes that see the cluster as their pods would."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from components.cluster import Cluster
from components.gateway.values.network import CONTROLLERS
from tests.support.gateway import controllers
from tests.support.gateway.cages import Cage, Program
from tests.support.gateway.identities import certificate
from tests.support.gateway.wire import answers, until
from tests.support.small import apply

_PATH = f"/api/v1/namespaces/{CONTROLLERS}"


class Backstage:
    """Envoy Gateway and the AI gateway's controller, each in a network of its own.

    `api` is a Unix socket behind which the API server is, `server` its address as clients know it.
    """

    def __init__(
        self, cluster: Cluster, programs: Mapping[str, Path], folder: Path, hosts: Path, outside: Cage
    ) -> None:
        self.cluster, self.programs, self.folder = cluster, programs, folder
        self._outside = outside
        self._mounts = {"/etc/hosts": hosts}
        self.manager = Cage(folder / "manager")
        self.extension = Cage(folder / "extension")

    def close(self) -> None:
        self.manager.close()
        self.extension.close()

    def start(self, kubeconfig: Path, server: str) -> None:
        """Start both, and wait until they listen."""
        environ = {
            "KUBECONFIG": str(kubeconfig),
            "ENVOY_GATEWAY_NAMESPACE": CONTROLLERS,
            "KUBERNETES_CLUSTER_DOMAIN": "cluster.local",
            "POD_NAMESPACE": CONTROLLERS,
        }
        self._extension(environ)
        host, port = server.split(":")
        inside = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        self._manager({**environ, **inside})

    def serve(self, cage: Cage) -> None:
        """Let the programs of `cage` reach Envoy Gateway under its name."""
        for port in (controllers.XDS_PORT, controllers.LIMIT_XDS_PORT):
            cage.relay(f"127.0.0.1:{port}", self._socket(port))

    def _extension(self, environ: Mapping[str, str]) -> None:
        """The AI gateway's controller, with its webhook where the API server can call it."""
        hook = self.folder / "webhook.sock"
        authority = certificate(self.folder / "webhook", ["localhost"])
        port = self._outside.relay("127.0.0.1:0", hook)
        apply(self.cluster, controllers.pod_webhook(f"https://localhost:{port}", authority))
        self.extension.relay(hook, f"127.0.0.1:{controllers.WEBHOOK_PORT}")
        program = self.programs["ai-gateway-controller"]
        command: Program = [program, *controllers.ai_arguments("/certs")]
        mounts = {**self._mounts, "/certs": self.folder / "webhook"}
        self.extension.start("controller", command, environ, mounts)
        until(lambda: answers(hook), "the AI gateway's controller", 60)

    def _manager(self, environ: Mapping[str, str]) -> None:
        """Envoy Gateway, with the certificates that it makes itself."""
        program = self.programs["envoy-gateway"]
        command: Program = [program, "certgen", "--disable-topology-injector"]
        self.manager.start("certgen", command, environ, self._mounts)
        assert self.manager.wait("certgen") == 0, self.manager.output("certgen")
        config = self.folder / "envoy-gateway.yaml"
        config.write_text(controllers.gateway_config(), encoding="utf-8")
        mounts = {
            **self._mounts,
            "/config": config,
            "/certs": self._secret("envoy-gateway"),
            controllers.ACCOUNT: self._account("envoy-gateway"),
        }
        self.extension.relay(
            self._socket(controllers.EXTENSION_PORT), f"127.0.0.1:{controllers.EXTENSION_PORT}"
        )
        self.manager.relay(
            f"127.0.0.1:{controllers.EXTENSION_PORT}", self._socket(controllers.EXTENSION_PORT)
        )
        for port in (controllers.XDS_PORT, controllers.LIMIT_XDS_PORT):
            self.manager.relay(self._socket(port), f"127.0.0.1:{port}")
        self.manager.start("manager", [program, "server", "--config-path=/config"], environ, mounts)
        until(lambda: answers(self._socket(controllers.XDS_PORT)), "Envoy Gateway", 60)

    def _socket(self, port: int) -> Path:
        return self.folder / f"{port}.sock"

    def _secret(self, name: str) -> Path:
        """A Secret as a folder."""
        data = self.cluster.get(f"{_PATH}/secrets/{name}")["data"]
        return self._written(name, {key: base64.b64decode(value) for key, value in data.items()})

    def _account(self, name: str) -> Path:
        """A service account's files, as a pod has them."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.cluster.request("POST", f"{_PATH}/serviceaccounts/{name}/token", body)["status"]["token"]
        root = until(lambda: self.cluster.get(f"{_PATH}/configmaps/kube-root-ca.crt"), "the authority")
        files = {"token": token, "ca.crt": root["data"]["ca.crt"], "namespace": CONTROLLERS}
        return self._written(f"{name}-account", {key: text.encode() for key, text in files.items()})

    def _written(self, name: str, files: Mapping[str, bytes]) -> Path:
        folder = self.folder / name
        folder.mkdir()
        for key, content in files.items():
            (folder / key).write_bytes(content)
        return folder
