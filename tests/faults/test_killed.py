"""Faults 1, 2, 7, 8, 9 on a real API server: whoever is killed, the next `up` finishes and adopts."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from components.cluster import ApiError, Cluster
from tests.support.engine import Engine, Project, Running, eventually
from tests.support.plane import Plane
from twin.controlplane.lifecycle import plane_status, start_plane

pytestmark = [pytest.mark.engine, pytest.mark.fault, pytest.mark.plane]

PROGRAM = """
    import pulumi
    from components.kubernetes import KubernetesObject

    def made(kind, name, after=(), **more):
        meta = {"name": name, "namespace": "NAMESPACE"}
        return KubernetesObject(name, {"apiVersion": "v1", "kind": kind, "metadata": meta, **more},
                                pulumi.ResourceOptions(depends_on=list(after)))

    SPEC = {"containers": [{"name": "main", "image": "none.invalid/none:1"}]}
    before = made("ConfigMap", "before", data={"a": "1"})
    held = made("Pod", "held", [before], spec=SPEC)
    made("ConfigMap", "after", [held], data={"b": "2"})
"""
MERGE = "application/merge-patch+json"
READY = {
    "status": {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True"} for kind in ("Initialized", "Ready", "ContainersReady")
        ],
    }
}


class Bench:
    """A project on a control plane, and a look at what it made."""

    def __init__(self, engine: Engine, plane: Plane, namespace: str, program: str = PROGRAM) -> None:
        self.cluster: Cluster = plane.cluster()
        self.path = f"/api/v1/namespaces/{namespace}"
        self.project: Project = engine.project(
            program.replace("NAMESPACE", namespace), environ={"KUBECONFIG": str(plane.kubeconfig)}
        )
        self.project.config("kubernetes:context", plane.context)

    def get(self, path: str) -> dict[str, Any]:
        try:
            return self.cluster.get(f"{self.path}/{path}")
        except ApiError as error:
            if error.code != 404:
                raise
            return {}

    def uid(self, path: str) -> str:
        return str(self.get(path).get("metadata", {}).get("uid", ""))

    def start(self) -> Running:
        """An update that waits for the pod `held`."""
        running = self.project.start_up()
        eventually(lambda: running.process.poll() is not None or self.uid("pods/held"), "the pod", timeout=60)
        assert self.uid("pods/held"), running.result().text
        return running

    def release(self) -> None:
        """Let the pod be ready, as its kubelet would."""
        self.cluster.request("PATCH", f"{self.path}/pods/held/status", READY, content_type=MERGE)

    def pid_of(self, word: str) -> int:
        """The process of the project whose command line holds `word`."""
        found = [
            pid
            for pid in self.project.processes()
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        ]
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def bench(engine: Engine, plane: Plane, namespace: str) -> Bench:
    return Bench(engine, plane, namespace)


def _finish(bench: Bench, killed: Running, uid: str) -> None:
    """The update after the fault ends well, with the same objects."""
    killed.result().failed()
    eventually(lambda: not bench.project.processes(), "the end of all processes")
    bench.project.cancel()
    again = bench.start()
    bench.release()
    again.result().ok()
    assert bench.uid("pods/held") == uid
    assert set(bench.project.resources()) == {"before", "held", "after"}
    assert bench.project.resources()["held"]["outputs"]["metadata"]["uid"] == uid
    bench.project.destroy().ok()
    assert not any(bench.get(path) for path in ("configmaps/before", "pods/held", "configmaps/after"))


@pytest.mark.parametrize("victim", ["engine", "program.py", "twin.plugins.kubernetes"])
def test_1_killed_in_mid_create_the_next_up_finishes(bench: Bench, victim: str) -> None:
    running = bench.start()
    uid = bench.uid("pods/held")
    if victim == "engine":
        running.kill()
    else:
        os.kill(bench.pid_of(victim), signal.SIGKILL)
        running.interrupt()
    _finish(bench, running, uid)


def test_1_killed_api_server_the_next_up_finishes(engine: Engine, own_plane: Plane) -> None:
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    bench = Bench(engine, own_plane, "default")
    eventually(lambda: bench.get("serviceaccounts/default"), "the account that pods need", timeout=60)
    running = bench.start()
    uid = bench.uid("pods/held")
    (server,) = [member for member in plane_status(own_plane.settings) if member.name == "kube-apiserver"]
    os.kill(server.pid, signal.SIGKILL)
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    bench.release()
    running.result()  # it may outlive the gap or fail: both are fair
    bench.project.up().ok()
    assert bench.uid("pods/held") == uid
    assert set(bench.project.resources()) == {"before", "held", "after"}


def test_7_lost_state_adopts_and_does_not_recreate(bench: Bench) -> None:
    running = bench.start()
    bench.release()
    running.result().ok()
    uids = {path: bench.uid(path) for path in ("configmaps/before", "pods/held", "configmaps/after")}
    for file in bench.project.state_file.parent.glob("dev.json*"):
        file.unlink()
    bench.project.run("stack", "init", "dev").ok()
    bench.project.config("kubernetes:context", "bastide-tests")
    assert set(bench.project.up().ok().ops().values()) == {"create"}
    assert {path: bench.uid(path) for path in uids} == uids


MAPS = """
    from components.kubernetes import KubernetesObject
    for name in ("kept", "lost"):
        meta = {"name": name, "namespace": "NAMESPACE", "labels": {"tier": "gold"}}
        KubernetesObject(name, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
"""


@pytest.fixture
def maps(engine: Engine, plane: Plane, namespace: str) -> Bench:
    made = Bench(engine, plane, namespace, MAPS)
    made.project.up().ok()
    return made


def test_8_drift_is_seen_by_a_preview_with_refresh(maps: Bench) -> None:
    maps.cluster.request("DELETE", f"{maps.path}/configmaps/lost")
    drift = {"metadata": {"labels": {"tier": None}}}
    maps.cluster.request("PATCH", f"{maps.path}/configmaps/kept", drift, content_type=MERGE)
    assert maps.project.preview("--refresh").ok().ops() == {"kept": "update", "lost": "create"}
    assert maps.get("configmaps/kept")["metadata"].get("labels") is None, "a preview changes nothing"
    maps.project.up("--refresh").ok()
    assert maps.get("configmaps/kept")["metadata"]["labels"] == {"tier": "gold"}
    assert maps.uid("configmaps/lost")


def test_9_an_unreachable_cluster_is_an_error_and_nothing_is_deleted(maps: Bench) -> None:
    elsewhere = maps.project.root / "kubeconfig"
    text = Path(maps.project.environ["KUBECONFIG"]).read_text()
    server = next(line for line in text.splitlines() if "server:" in line)
    elsewhere.write_text(text.replace(server, server.rsplit(":", 1)[0] + ":9"))
    before = {name: (item["id"], item["outputs"]) for name, item in maps.project.resources().items()}
    for result in (
        maps.project.refresh(KUBECONFIG=str(elsewhere)),
        maps.project.up("--refresh", KUBECONFIG=str(elsewhere)),
    ):
        result.failed("127.0.0.1:9")
        assert {
            name: (item["id"], item["outputs"]) for name, item in maps.project.resources().items()
        } == before
    assert maps.uid("configmaps/kept")


STUCK = """
    import pulumi
    from components.kubernetes import KubernetesObject
    brief = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="10s"))
    meta = {"name": "NAMESPACE-stuck"}
    KubernetesObject("ns", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, brief)
"""


def test_20_a_stuck_namespace_names_its_finalizer_and_keeps_it(
    engine: Engine, plane: Plane, namespace: str
) -> None:
    bench = Bench(engine, plane, namespace, STUCK)
    bench.project.up().ok()
    inside = f"/api/v1/namespaces/{namespace}-stuck/configmaps"
    meta = {"name": "held", "finalizers": ["example.com/keep"]}
    bench.cluster.request("POST", inside, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    bench.project.destroy().failed("example.com/keep")
    assert bench.cluster.get(f"{inside}/held")["metadata"]["finalizers"] == ["example.com/keep"]
    assert "ns" in bench.project.resources()
    bench.cluster.request("PATCH", f"{inside}/held", {"metadata": {"finalizers": []}}, content_type=MERGE)
    bench.project.destroy().ok()
