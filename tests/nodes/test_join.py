"""A real join: a control plane and two workers by the roles, a pod that runs and moves, a host that returns.

Real: kubeadm, kubelet, API server, etcd, scheduler and controllers as static pods, containerd and runc. Left
out: CoreDNS and kube-proxy (no pinned program makes their images), and pulling (there is no registry).
"""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command import ROOT, Done, run
from tests.support.nodes import Lab, Machine
from tests.support.nodes.inventory import inventory_of
from tests.support.nodes.kubernetes import POD, connect_pods, make_bundle

pytestmark = [pytest.mark.nodes, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent
SCENARIO = ROOT / "ansible/extensions/molecule/kubernetes_default/inventory.yml"
CONTROL, WORKERS = "control", ("worker-1", "worker-2")
_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+)", re.MULTILINE)
PATIENCE = 120
"""Seconds that the cluster may take for a step; pods start within two on an idle computer."""
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


@dataclass
class Cluster:
    """Three machines, and how Ansible and kubectl reach them."""

    folder: Path
    machines: dict[str, Machine]
    said: str = ""

    def play(self, name: str, *options: str) -> dict[str, int]:
        """Run a playbook; how many tasks changed something, by host. Fails with the end of the output."""
        done = self.try_play(name, *options)
        assert done.code == 0, done.text[-6000:]
        return {host: int(count) for host, count in _RECAP.findall(done.out)}

    def try_play(self, name: str, *options: str) -> Done:
        environ = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_NOCOLOR": "1",
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        inventory = self.folder / "inventory.yml"
        done = run(program, "-i", inventory, HERE / name, *options, env=environ, timeout=1500)
        self.said += done.text
        return done

    def kubectl(self, *words: str) -> str:
        done = self.machines[CONTROL].run("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *words)
        assert done.code == 0, done.text
        return done.out

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "--output=json"))

    def apply(self, document: dict[str, Any]) -> None:
        script = 'printf %s "$1" | kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f -'
        done = self.machines[CONTROL].run("sh", "-ec", script, "sh", json.dumps(document))
        assert done.code == 0, done.text

    def pod(self) -> dict[str, Any] | None:
        """The pod of the deployment that runs and is not on its way out."""
        for pod in self.get("pods", "--selector=app=lab")["items"]:
            if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]:
                return dict(pod)
        return None


def until(what: Callable[[], Any]) -> Any:
    """What it gives once that is something; fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, f"nothing after {PATIENCE} s: {what}"
        time.sleep(1)
    return found


@pytest.fixture(scope="module")
def cluster(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Three fresh machines with the inventory that their roles need; nothing has been played yet."""
    folder = tmp_path_factory.mktemp("join")
    (folder / "ansible_collections/bastide").mkdir(parents=True)
    (folder / "ansible_collections/bastide/nodes").symlink_to(ROOT / "ansible")
    lab.serve_artifacts(make_bundle(folder / "bundle"))
    machines = {machine.name: machine for machine in lab.add(CONTROL, *WORKERS)}
    connect_pods(list(machines.values()))
    inventory = inventory_of(lab, *machines)
    inventory["all"]["children"] = {"control_plane": {"hosts": {CONTROL: None}}}
    scenario = yaml.safe_load(SCENARIO.read_text())["all"]["vars"]
    inventory["all"]["vars"] |= {
        **scenario,
        "kubernetes_labels": {"bastide.dev/pool": "lab"},
        "kubernetes_kubeconfig": str(folder / "kubeconfig"),
        "lifecycle_kubectl": "/usr/local/bin/kubectl",
        "lifecycle_for_good": False,
    }
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    return Cluster(folder, machines)


@pytest.fixture(scope="module")
def joined(cluster: Cluster) -> Cluster:
    """The same after the roles have run once, with a deployment of one pod."""
    cluster.play("join.yml")
    until(lambda: cluster.get("serviceaccounts")["items"])
    cluster.apply(DEPLOYMENT)
    return cluster


def test_every_machine_is_a_ready_node(joined: Cluster) -> None:
    def ready() -> dict[str, str]:
        nodes = joined.get("nodes")["items"]
        found = {
            node["metadata"]["name"]: node["status"]["nodeInfo"]["containerRuntimeVersion"]
            for node in nodes
            for condition in node["status"]["conditions"]
            if (condition["type"], condition["status"]) == ("Ready", "True")
        }
        return found if len(found) == 1 + len(WORKERS) else {}

    assert until(ready) == dict.fromkeys((CONTROL, *WORKERS), "containerd://2.3.7")
    assert all(
        node["metadata"]["labels"]["bastide.dev/pool"] == "lab" for node in joined.get("nodes")["items"]
    )
    kubeconfig = joined.folder / "kubeconfig"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_pod_from_a_local_image_runs_and_answers(joined: Cluster) -> None:
    pod = until(joined.pod)
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
    before = until(joined.pod)
    node = before["spec"]["nodeName"]
    joined.play("move.yml", "-e", "role=lifecycle", "-e", "entry=drain", "--limit", node)
    after = until(joined.pod)
    assert {node, after["spec"]["nodeName"]} == set(WORKERS)
    assert joined.get("node", node)["spec"]["unschedulable"] is True
    joined.play("move.yml", "-e", "role=lifecycle", "-e", "entry=uncordon", "--limit", node)
    assert "unschedulable" not in joined.get("node", node)["spec"]


def test_a_host_that_was_reset_joins_again_even_after_an_interruption(joined: Cluster) -> None:
    pod = until(joined.pod)
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
