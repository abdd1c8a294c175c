"""A real join: a control plane and two workers by the roles, a pod that runs and moves, a host that returns.

Real: kubeadm, kubelet, API server, etcd, scheduler and controllers as static pods, containerd and runc. Left
out: CoreDNS and kube-proxy (no pinned program makes their images), and pulling (there is no registry).
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import pytest

from tests.nodes.cluster import Cluster, made, until
from tests.support.nodes import Lab
from tests.support.nodes.kubernetes import POD
from twin.toolchain.tools import CONTAINERD

pytestmark = [pytest.mark.nodes, pytest.mark.timeout(3600)]
CONTROL, WORKERS = "control", ("worker-1", "worker-2")
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "lab", "namespace": "default"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "lab"}},
        "template": {
            "metadata": {"labels": {"app": "lab"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "lab", "image": POD, "imagePullPolicy": "Never"}],
            },
        },
    },
}


def running(cluster: Cluster) -> dict[str, Any] | None:
    """The pod of the deployment that runs and is not on its way out."""
    for pod in cluster.get("pods", "--selector=app=lab")["items"]:
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]:
            return dict(pod)
    return None


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Three fresh machines, kubelet's folder of one a volume of its own, as the role storage makes it."""
    folder = tmp_path_factory.mktemp("join")
    cluster = made(
        lab,
        folder,
        [CONTROL],
        WORKERS,
        kubernetes_labels={"bastide.dev/pool": "lab"},
        kubernetes_kubeconfig=str(folder / "kubeconfig"),
    )
    for worker in WORKERS:
        own = "mkdir -p /var/lib/kubelet && mount --bind /var/lib/kubelet /var/lib/kubelet"
        assert cluster.machines[worker].run("sh", "-ec", own).code == 0
    return cluster


@pytest.fixture(scope="module")
def joined(cluster: Cluster) -> Cluster:
    """The same after the roles have run once, with a deployment of one pod."""
    cluster.play("join.yml")
    until(lambda: cluster.get("serviceaccounts")["items"])
    cluster.apply(DEPLOYMENT)
    return cluster


def test_every_machine_is_a_ready_node(joined: Cluster) -> None:
    nodes = until(lambda: joined.ready(1 + len(WORKERS)))
    runtimes = {name: node["status"]["nodeInfo"]["containerRuntimeVersion"] for name, node in nodes.items()}
    assert runtimes == dict.fromkeys((CONTROL, *WORKERS), f"containerd://{CONTAINERD.version}")
    assert {node["metadata"]["labels"]["bastide.dev/pool"] for node in nodes.values()} == {"lab"}
    kubeconfig = joined.folder / "kubeconfig"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_pod_from_a_local_image_runs_and_answers(joined: Cluster) -> None:
    pod = until(partial(running, joined))
    assert pod["spec"]["nodeName"] in WORKERS
    address = pod["status"]["podIP"]
    asked = "exec 3<>/dev/tcp/$0/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    answer = joined.machines[CONTROL].run("bash", "-c", asked, address)
    assert answer.out.splitlines()[-1] == pod["metadata"]["name"], answer.text
    # kubelet is asked over a connection that it proves itself on: --kubelet-certificate-authority
    assert joined.kubectl("logs", pod["metadata"]["name"]) == ""


def test_no_secret_was_told(joined: Cluster) -> None:
    secrets = joined.get(
        "secrets", "--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token"
    )
    assert len(secrets["items"]) >= len(WORKERS)
    for secret in secrets["items"]:
        token = base64.b64decode(secret["data"]["token-secret"]).decode()
        assert token not in joined.said
        assert "expiration" in secret["data"]
    for machine in joined.machines.values():
        assert machine.run("ls", "/etc/kubernetes/bastide/discovery.yaml").code != 0
    key = (
        joined.machines[CONTROL]
        .read("/etc/kubernetes/bastide/encryption.yaml")
        .split("secret: ")[1]
        .split()[0]
    )
    assert key not in joined.said


def test_a_second_run_changes_nothing(joined: Cluster) -> None:
    assert joined.play("join.yml") == dict.fromkeys((CONTROL, *WORKERS), 0)


def test_labels_and_taints_follow_the_inventory(joined: Cluster) -> None:
    """What it no longer names leaves the node; what others set stays."""
    node = WORKERS[0]
    joined.kubectl("label", "node", node, "somebody.example/else=here")
    first: dict[str, Any] = {
        "kubernetes_labels": {"bastide.dev/pool": "lab", "bastide.dev/tier": "a"},
        "kubernetes_taints": ["bastide.dev/only=a:PreferNoSchedule", "bastide.dev/gone:PreferNoSchedule"],
    }
    then = {
        "kubernetes_labels": {"bastide.dev/pool": "lab"},
        "kubernetes_taints": ["bastide.dev/only=b:PreferNoSchedule"],
    }
    found = []
    for asked in (first, then, {**then, "kubernetes_taints": []}):
        words = ("move.yml", "-e", "role=kubernetes", "-e", "entry=labels", "-e", json.dumps(asked))
        joined.play(*words, "--limit", node)
        assert joined.play(*words, "--limit", node) == {node: 0}
        told = joined.get("node", node)
        own = [key for key in told["metadata"]["labels"] if key.startswith(("bastide.dev/", "somebody."))]
        taints = [(each["key"], each.get("value")) for each in told["spec"].get("taints", ())]
        found.append((sorted(own), sorted(taints, key=str)))
    assert found == [
        (
            ["bastide.dev/pool", "bastide.dev/tier", "somebody.example/else"],
            [("bastide.dev/gone", None), ("bastide.dev/only", "a")],
        ),
        (["bastide.dev/pool", "somebody.example/else"], [("bastide.dev/only", "b")]),
        (["bastide.dev/pool", "somebody.example/else"], []),
    ]


def test_a_pod_moves_when_its_node_is_drained(joined: Cluster) -> None:
    before = until(partial(running, joined))
    node = before["spec"]["nodeName"]
    joined.play("move.yml", "-e", "role=lifecycle", "-e", "entry=drain", "--limit", node)
    after = until(partial(running, joined))
    assert {node, after["spec"]["nodeName"]} == set(WORKERS)
    assert joined.get("node", node)["spec"]["unschedulable"] is True
    joined.play("move.yml", "-e", "role=lifecycle", "-e", "entry=uncordon", "--limit", node)
    assert "unschedulable" not in joined.get("node", node)["spec"]


def test_a_host_that_was_reset_joins_again_even_after_an_interruption(joined: Cluster) -> None:
    pod = until(partial(running, joined))
    leaver = next(name for name in WORKERS if name != pod["spec"]["nodeName"])
    machine = joined.machines[leaver]
    joined.play("move.yml", "-e", "role=kubernetes", "-e", "entry=reset", "--limit", leaver)
    assert machine.run("ls", "/etc/kubernetes").code != 0
    assert machine.run("systemctl", "is-active", "kubelet").out.strip() == "inactive"
    joined.kubectl("delete", "node", leaver)
    # what a join that lost its connection half-way leaves behind
    machine.run(
        "sh",
        "-ec",
        "mkdir -p /etc/kubernetes/pki; echo 'kubeadm join' > /etc/kubernetes/bastide-unfinished;"
        " echo half > /etc/kubernetes/kubelet.conf",
    )
    changed = joined.play("join.yml")
    assert changed[leaver] > 0
    assert changed[CONTROL] == 0
    assert joined.get("node", leaver)["metadata"]["labels"]["bastide.dev/pool"] == "lab"
    assert machine.run("ls", "/etc/kubernetes/bastide-unfinished").code != 0


def test_another_version_is_refused_outside_an_upgrade(joined: Cluster) -> None:
    refused = joined.try_play("join.yml", "-e", "kubernetes_version=1.99.0")
    assert refused.code != 0
    assert "no-silent-upgrade" in refused.out
    assert "upgrade.yml" in refused.out


def test_the_last_control_plane_host_is_not_reset(joined: Cluster) -> None:
    options = ("-e", "role=kubernetes", "-e", "entry=reset", "--limit", CONTROL)
    refused = joined.try_play("move.yml", *options)
    assert refused.code != 0
    assert "is the only control plane host" in refused.out
    assert joined.kubectl("get", "--raw", "/readyz") == "ok"
