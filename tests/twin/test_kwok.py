"""Simulated machines and pods behave as their stages say."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.cluster import MERGE_PATCH, ApiError, Cluster
from tests.support.plane import Plane

pytestmark = pytest.mark.plane


@pytest.fixture
def cluster(plane: Plane) -> Iterator[Cluster]:
    with plane.cluster() as client:
        yield client


@pytest.fixture
def machine(cluster: Cluster) -> Iterator[str]:
    """A simulated machine that takes only pods which name it."""
    name = f"machine-{uuid.uuid4().hex[:8]}"
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {"only": name}},
        "spec": {"taints": [{"key": "only", "value": name, "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "8", "memory": "32Gi", "pods": "20", "example.com/gpu": "4"},
            "nodeInfo": {"architecture": "arm64"} | dict.fromkeys(_NODE_INFO, ""),
        },
    }
    cluster.request("POST", "/api/v1/nodes", node)
    yield name
    cluster.request("DELETE", f"/api/v1/nodes/{name}")


_NODE_INFO = (
    "bootID",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeProxyVersion",
    "kubeletVersion",
    "machineID",
    "operatingSystem",
    "osImage",
    "systemUUID",
)


def test_a_machine_becomes_ready_with_the_capacity_that_it_declared(cluster: Cluster, machine: str) -> None:
    node = until(cluster, f"/api/v1/nodes/{machine}", lambda found: condition(found, "Ready") == "True")
    assert node["status"]["capacity"]["example.com/gpu"] == "4"
    assert node["status"]["allocatable"]["cpu"] == "8"
    assert node["status"]["nodeInfo"]["architecture"] == "arm64"
    lease = until(cluster, f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{machine}", bool)
    assert lease["spec"]["holderIdentity"]


def test_a_machine_fails_on_demand_and_recovers(cluster: Cluster, machine: str) -> None:
    path = f"/api/v1/nodes/{machine}"
    until(cluster, path, lambda found: condition(found, "Ready") == "True")
    annotate(cluster, path, "PowerLost")
    failed = until(cluster, path, lambda found: condition(found, "Ready") == "False")
    assert reason(failed, "Ready") == "PowerLost"
    assert len(failed["status"]["conditions"]) > 1, "the other conditions stay"
    annotate(cluster, path, None)
    until(cluster, path, lambda found: condition(found, "Ready") == "True")


def test_a_pod_is_scheduled_runs_and_goes(cluster: Cluster, machine: str, namespace: str) -> None:
    path = create(cluster, namespace, machine, init=True)
    pod = until(cluster, path, lambda found: condition(found, "Ready") == "True")
    assert pod["spec"]["nodeName"] == machine
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert pod["status"]["podIP"].startswith("10.")
    cluster.request("DELETE", path)
    gone(cluster, path)


def test_a_pod_takes_the_time_to_end_that_it_asks_for(cluster: Cluster, machine: str, namespace: str) -> None:
    path = create(cluster, namespace, machine, annotations={"twin.bastide.dev/terminate-for": "2s"})
    until(cluster, path, lambda found: condition(found, "Ready") == "True")
    begun = time.monotonic()
    cluster.request("DELETE", path)
    assert cluster.get(path)["metadata"]["deletionTimestamp"]
    gone(cluster, path)
    assert time.monotonic() - begun > 1.5


def test_a_pod_fails_on_demand(cluster: Cluster, machine: str, namespace: str) -> None:
    path = create(cluster, namespace, machine, annotations={"twin.bastide.dev/fail": "OOMKilled"})
    pod = until(cluster, path, lambda found: found["status"].get("phase") == "Failed")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "OOMKilled"


def test_a_job_completes(cluster: Cluster, machine: str, namespace: str) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", **placed(machine)}}},
    }
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    cluster.request("POST", jobs, job)
    done = until(cluster, f"{jobs}/work", lambda found: condition(found, "Complete") == "True")
    assert done["status"]["succeeded"] == 1


def placed(machine: str) -> dict[str, Any]:
    return {
        "nodeSelector": {"only": machine},
        "tolerations": [{"key": "only", "operator": "Exists"}],
        "containers": [{"name": "c", "image": "registry.example/c"}],
    }


def create(
    cluster: Cluster,
    namespace: str,
    machine: str,
    annotations: dict[str, str] | None = None,
    *,
    init: bool = False,
) -> str:
    spec = placed(machine)
    if init:
        spec["initContainers"] = [{"name": "i", "image": "registry.example/i"}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "annotations": annotations or {}},
        "spec": spec,
    }
    cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    return f"/api/v1/namespaces/{namespace}/pods/pod"


def annotate(cluster: Cluster, path: str, value: str | None) -> None:
    patch = {"metadata": {"annotations": {"twin.bastide.dev/fail": value}}}
    cluster.request("PATCH", path, patch, content_type=MERGE_PATCH)


def _condition(found: dict[str, Any], kind: str) -> dict[str, Any]:
    conditions = found.get("status", {}).get("conditions", [])
    return next((entry for entry in conditions if entry["type"] == kind), {})


def condition(found: dict[str, Any], kind: str) -> str:
    return str(_condition(found, kind).get("status", ""))


def reason(found: dict[str, Any], kind: str) -> str:
    return str(_condition(found, kind).get("reason", ""))


def until(cluster: Cluster, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    found: dict[str, Any] = {}
    while time.monotonic() < deadline:
        try:
            found = cluster.get(path)
            if holds(found):
                return found
        except ApiError as error:
            if error.code != 404:
                raise
        time.sleep(0.1)
    raise AssertionError(f"{path} did not get there in 30 seconds: {found.get('status')}")


def gone(cluster: Cluster, path: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            cluster.get(path)
        except ApiError as error:
            if error.code == 404:
                return
            raise
        time.sleep(0.1)
    raise AssertionError(f"{path} is still there after 30 seconds")
