"""upgrade.yml and decommission.yml against a real API server: what they refuse, drain, delete and record.

The machines are simulated and the steps that would change this machine are stubs; refusals, cordons,
evictions, disruption budgets and deletions are the real API server's.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.cluster import MERGE_PATCH, ApiError, Cluster
from tests.ansible.playbooks.stage import Stage
from tests.support.plane import Plane
from tests.support.project import eventually
from twin.controlplane.lifecycle import start_plane

pytestmark = [
    pytest.mark.plane,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on this machine"),
]
WORKERS = ("w1", "w2", "w3")
SPACE = "/api/v1/namespaces/acme-agents"
BUDGETS = "/apis/policy/v1/namespaces/acme-agents/poddisruptionbudgets"
_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def machine(name: str, control: bool) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": name, "type": "kwok"}
    labels |= {"node-role.kubernetes.io/control-plane": ""} if control else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [_TAINT] if control else []},
        "status": {"allocatable": {"cpu": "8", "pods": "110"}, "capacity": {"cpu": "8", "pods": "110"}},
    }


def pod(name: str, node: str) -> dict[str, Any]:
    container = {"name": "main", "image": "example.org/main:1", "resources": {"requests": {"cpu": "1"}}}
    spec = {"nodeName": node, "containers": [container]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {**spec, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 0},
    }


@pytest.fixture(scope="module")
def cluster(own_plane: Plane) -> Iterator[Cluster]:
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    with own_plane.cluster() as made:
        made.request("POST", "/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": "acme-agents"}})
        await_account(made)
        labels = {"bastide.dev/tenant": "acme"}
        quota = {"metadata": {"name": "quota", "labels": labels}, "spec": {"hard": {"requests.cpu": "16"}}}
        made.request(
            "POST", f"{SPACE}/resourcequotas", {"kind": "ResourceQuota", "apiVersion": "v1", **quota}
        )
        yield made


@pytest.fixture
def fleet(cluster: Cluster, own_plane: Plane, tmp_path: Path) -> Stage:
    for name in ("cp1", *WORKERS):
        with contextlib.suppress(ApiError):
            cluster.request("DELETE", f"/api/v1/nodes/{name}")
        cluster.request("POST", "/api/v1/nodes", machine(name, name == "cp1"))
    await_ready(cluster)
    version = cluster.get("/version")["gitVersion"]
    for name in ("cp1", *WORKERS):  # simulated machines say `simulated`
        body = {"status": {"nodeInfo": {"kubeletVersion": version}}}
        cluster.request("PATCH", f"/api/v1/nodes/{name}/status", body, content_type=MERGE_PATCH)
    hosts = {name: [f"rack_{name}", "storage"] for name in WORKERS} | {"cp1": ["control_plane"]}
    variables = {
        "lifecycle_kubeconfig": str(own_plane.kubeconfig),
        "lifecycle_drain_timeout": 5,
        "lifecycle_records": str(tmp_path / "records"),
        "kubernetes_version": "9.9.9",
    }
    stage = Stage(tmp_path, hosts, variables, real_roles=("lifecycle",))
    stage.stub("kubernetes", "reset")
    stage.stub("storage", "wipe")
    stage.stub("lifecycle", "patch")
    due = tmp_path / "ansible_collections/bastide/nodes/roles/lifecycle/tasks/due.yml"
    due.write_text("- ansible.builtin.set_fact:\n    lifecycle_due: true\n")
    return stage


def await_account(cluster: Cluster) -> None:
    """Pods are refused until the controllers have made the namespace's service account."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(ApiError):
            cluster.get(f"{SPACE}/serviceaccounts/default")
            return
        time.sleep(0.1)
    raise AssertionError("no default service account within 60 s")


def await_ready(cluster: Cluster) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        nodes = cluster.get("/api/v1/nodes")["items"]
        if all(
            any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))
            for node in nodes
        ):
            return
        time.sleep(0.2)
    raise AssertionError("the simulated machines did not become ready within 60 s")


def names(cluster: Cluster) -> set[str]:
    return {node["metadata"]["name"] for node in cluster.get("/api/v1/nodes")["items"]}


def closed(cluster: Cluster) -> set[str]:
    nodes = cluster.get("/api/v1/nodes")["items"]
    return {node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")}


@pytest.mark.fault
def test_what_would_break_quorum_or_a_guarantee_is_refused(fleet: Stage, cluster: Cluster) -> None:
    ran = fleet.play("decommission", "-e", "bastide_leaving=cp1,w1,w2")
    assert ran.status != 0
    (fault,) = ran.faults
    assert "cp1, w1, w2 may not leave: quorum: of 1 control plane hosts 1 must stay" in fault["said"]
    assert "guarantee of cpu: tenants hold 16 (acme 16), 8 would be left of 24" in fault["said"]
    assert (names(cluster), closed(cluster), fleet.log()) == ({"cp1", *WORKERS}, set(), [])


def test_a_host_leaves_drained_deleted_erased_and_recorded(fleet: Stage, cluster: Cluster) -> None:
    cluster.request("POST", f"{SPACE}/pods", pod("leaves", "w2"))
    ran = fleet.play("decommission", "-e", "bastide_leaving=w2")
    assert ran.status == 0, ran.output
    assert fleet.log() == ["reset w2 kubernetes", "wipe w2 storage"]
    assert names(cluster) == {"cp1", "w1", "w3"}
    record = json.loads((fleet.root / "records/w2.json").read_text())
    assert (record["host"], record["environment"], record["wiped"]) == ("w2", "stage", None)
    assert "leaves" not in {item["metadata"]["name"] for item in cluster.get(f"{SPACE}/pods")["items"]}


def test_a_trial_run_changes_nothing(fleet: Stage, cluster: Cluster) -> None:
    ran = fleet.play("decommission", "-e", "bastide_leaving=w2", "--check")
    assert ran.status == 0, ran.output
    assert (names(cluster), closed(cluster), fleet.log()) == ({"cp1", *WORKERS}, set(), [])
    assert not (fleet.root / "records").exists()


def test_only_a_dead_host_is_replaced_without_reaching_it(fleet: Stage, cluster: Cluster) -> None:
    dead = machine("dead", control=False)
    del dead["metadata"]["annotations"]
    cluster.request("POST", "/api/v1/nodes", dead)
    unreachable = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    fleet.hosts["dead"] = ["rack_dead"]
    fleet.only["dead"] = unreachable
    try:
        alive = fleet.play("replace", "-e", "bastide_leaving=w2")
        assert "w2 is Ready: decommission.yml takes" in alive.faults[0]["said"]
        ran = fleet.play("replace", "-e", "bastide_leaving=dead")
        assert ran.status == 0, ran.output
        assert names(cluster) == {"cp1", *WORKERS}
    finally:
        with contextlib.suppress(ApiError):
            cluster.request("DELETE", "/api/v1/nodes/dead")


@pytest.mark.parametrize("leaving", ["", "w9", "w1,w9"])
def test_only_known_hosts_that_are_named_leave(fleet: Stage, cluster: Cluster, leaving: str) -> None:
    ran = fleet.play("decommission", "-e", f"bastide_leaving={leaving}")
    assert ran.status != 0
    assert "must name hosts of the inventory" in ran.faults[0]["said"]
    assert (names(cluster), fleet.log()) == ({"cp1", *WORKERS}, [])


def running(cluster: Cluster, name: str) -> bool:
    status = cluster.get(f"{SPACE}/pods/{name}")["status"]
    ready = {each["type"] for each in status.get("conditions", []) if each["status"] == "True"}
    return "Ready" in ready


@pytest.mark.fault
def test_a_budget_holds_the_node_and_its_pods_are_named(fleet: Stage, cluster: Cluster) -> None:
    cluster.request("POST", f"{SPACE}/pods", pod("held", "w3"))
    budget = {
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 5, "selector": {"matchLabels": {"app": "web"}}},
    }
    cluster.request("POST", BUDGETS, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", **budget})
    eventually(lambda: running(cluster, "held"), "the pod runs: a budget holds no other")
    try:
        ran = fleet.play("decommission", "-e", "bastide_leaving=w3")
        assert ran.status != 0
        assert "held by acme-agents/held (disruption budget web)" in ran.faults[0]["said"]
        assert (names(cluster), fleet.log()) == ({"cp1", *WORKERS}, [])
    finally:
        cluster.request("DELETE", f"{BUDGETS}/web")
    assert fleet.play("decommission", "-e", "bastide_leaving=w3").status == 0


@pytest.mark.fault
def test_an_upgrade_that_fails_half_way_stops_and_goes_on_after_the_mend(
    fleet: Stage, cluster: Cluster
) -> None:
    version = cluster.get("/version")["gitVersion"]
    obstacle = fleet.upset("fail", "patch", "w2", "lifecycle")
    fleet.extra["kubernetes_version"] = version
    ran = fleet.play("upgrade")
    assert ran.status != 0
    assert [(fault["host"], fault["step"]) for fault in ran.faults] == [
        ("w2", "bastide.nodes.lifecycle : Do the step")
    ]
    assert "Not begun: w3." in ran.output
    assert closed(cluster) == {"w2"}
    assert [line for line in fleet.log() if line.startswith("patch")] == [
        "patch cp1 lifecycle",
        "patch w1 lifecycle",
        "patch w2 lifecycle",
    ]
    obstacle.unlink()
    ran = fleet.play("upgrade")
    assert ran.status == 0, ran.output
    assert closed(cluster) == set()


def test_an_upgrade_leaves_a_node_closed_that_somebody_else_has_closed(
    fleet: Stage, cluster: Cluster
) -> None:
    fleet.extra["kubernetes_version"] = cluster.get("/version")["gitVersion"]
    cluster.request(
        "PATCH",
        "/api/v1/nodes/w1",
        {"spec": {"unschedulable": True}},
        content_type=MERGE_PATCH,
    )
    assert fleet.play("upgrade", "--limit", "w1").status == 0
    assert closed(cluster) == {"w1"}


def test_an_upgrade_over_two_minor_versions_is_refused(fleet: Stage, cluster: Cluster) -> None:
    ran = fleet.play("upgrade", "--limit", "w1")
    assert ran.status != 0
    assert "one minor version at a time; upgrade to 1." in ran.faults[0]["said"]
    assert closed(cluster) == set()
