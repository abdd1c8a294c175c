"""What a kubelet does for the gateway's pods: files and variables from the cluster, then their programs.

The pods are those that the controllers made, the AI gateway's webhook changed and the scheduler placed; their
images are not pulled: a program of this machine takes the place of each container.
"""

from __future__ import annotations

import base64
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.cluster import ApiError, Cluster, UnreachableError
from tests.support.gateway.cages import Cage, Program
from twin.settings import ROOT

Object = Mapping[str, Any]

_VARIABLE = re.compile(r"\$\(([A-Z_0-9]+)\)")
_POLL = 0.2
"""Seconds between two looks at a mounted Secret or ConfigMap; a real kubelet takes longer."""


class Kubelet:
    """Runs pods in a cage; `server` is `host:port` of the API server as the programs reach it."""

    def __init__(self, cluster: Cluster, server: str, cage: Cage, hosts: Path) -> None:
        self.cluster, self.server, self.cage, self.hosts = cluster, server, cage, hosts
        self._volumes: list[Volume] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def run(
        self,
        pod: Object,
        programs: Mapping[str, Program],
        variables: Mapping[str, str] | None = None,
        mounts: Mapping[str, Path] | None = None,
    ) -> None:
        """Start the containers of `pod` for which `programs` has a command, by the container's name.

        The container's arguments follow the command; `variables` and `mounts` come on top.
        """
        self.cage.add_address(pod["status"]["podIP"])
        folder = self.cage.folder / "pods" / pod["metadata"]["name"]
        volumes = {
            volume["name"]: Volume(self.cluster, pod, volume, folder / volume["name"])
            for volume in pod["spec"].get("volumes", ())
        }
        for container in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
            if command := programs.get(container["name"]):
                environ = {**self._environment(container, pod), **(variables or {})}
                places = {"/etc/hosts": self.hosts, **(mounts or {})}
                for mount in container.get("volumeMounts", ()):
                    if not _hides(mount["mountPath"]):
                        places[mount["mountPath"]] = volumes[mount["name"]].ready()
                argv = [*command, *arguments(container, environ)]
                self.cage.start(container["name"], argv, environ, places)
        self._volumes += [volume for volume in volumes.values() if volume.changes]

    def stop(self) -> None:
        """Follow the volumes no longer; the programs are the cage's."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(_POLL):
            for volume in list(self._volumes):
                try:
                    volume.write()
                except (ApiError, UnreachableError):
                    continue

    def _environment(self, container: Object, pod: Object) -> dict[str, str]:
        host, port = self.server.rsplit(":", 1)
        found = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        for variable in container.get("env", ()):
            source = variable.get("valueFrom", {})
            if reference := source.get("secretKeyRef"):
                path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/secrets/{reference['name']}"
                value = base64.b64decode(self.cluster.get(path)["data"][reference["key"]]).decode()
            else:
                value = variable.get("value") or field(pod, source.get("fieldRef", {}).get("fieldPath", ""))
            found[variable["name"]] = value
        return found


def _hides(place: str) -> bool:
    """Whether our own programs are below `place`: a checkout may stand in /tmp."""
    return any(path.is_relative_to(place) for path in (ROOT, Path(sys.prefix), Path(sys.base_prefix)))


def arguments(container: Object, environ: Mapping[str, str]) -> list[str]:
    """The container's arguments with `$(NAME)` filled in."""
    fill = _VARIABLE.sub
    return [fill(lambda found: environ.get(found[1], found[0]), arg) for arg in container.get("args", ())]


def field(pod: Object, path: str) -> str:
    """A field of the pod that the downward API gives, such as `metadata.name`; empty where it has none."""
    value: Any = pod
    for part in filter(None, path.split(".")):
        value = value.get(part, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, str) else ""


class Volume:
    """A volume of a pod as a folder."""

    def __init__(self, cluster: Cluster, pod: Object, spec: Object, folder: Path) -> None:
        self.cluster, self.pod, self.spec, self.folder = cluster, pod, spec, folder
        self.base = f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        self.changes = bool(spec.get("secret") or spec.get("configMap"))

    def ready(self) -> Path:
        """Its folder with the files that belong there now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write()
        return self.folder

    def write(self) -> None:
        """Write what has changed."""
        if not self.folder.exists():
            return
        for name, content in self._files(self.spec):
            _replace(self.folder / name, content)

    def _files(self, spec: Object) -> Iterator[tuple[str, bytes]]:
        if secret := spec.get("secret"):
            data = self._data("secrets", secret.get("secretName") or secret["name"])
            yield from ((name, base64.b64decode(value)) for name, value in data.items())
        if held := spec.get("configMap"):
            yield from (
                (name, value.encode()) for name, value in self._data("configmaps", held["name"]).items()
            )
        for source in spec.get("projected", {}).get("sources", ()):
            yield from self._files(source)
        for item in spec.get("downwardAPI", {}).get("items", ()):
            yield item["path"], field(self.pod, item["fieldRef"]["fieldPath"]).encode()
        if wanted := spec.get("serviceAccountToken"):
            yield wanted["path"], self._token(wanted).encode()

    def _data(self, kind: str, name: str) -> dict[str, str]:
        try:
            return dict(self.cluster.get(f"{self.base}/{kind}/{name}").get("data") or {})
        except ApiError as error:
            if error.code == 404:
                return {}
            raise

    def _token(self, wanted: Object) -> str:
        """A token of the pod's service account, bound to the pod, as the kubelet asks for it."""
        meta = self.pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        spec: dict[str, Any] = {"expirationSeconds": 86400, "boundObjectRef": bound}
        if audience := wanted.get("audience"):
            spec["audiences"] = [audience]
        account = self.pod["spec"].get("serviceAccountName", "default")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = self.cluster.request("POST", f"{self.base}/serviceaccounts/{account}/token", body)
        return str(answer["status"]["token"])


def _replace(file: Path, content: bytes) -> None:
    if file.exists() and file.read_bytes() == content:
        return
    draft = file.with_name(f".{file.name}.new")
    draft.write_bytes(content)
    draft.replace(file)
