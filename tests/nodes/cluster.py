"""A cluster of test machines by the roles: its inventory, and how Ansible and kubectl reach it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.command import ROOT, Done, run
from tests.support.nodes import Lab, Machine
from tests.support.nodes.inventory import inventory_of
from tests.support.nodes.kubernetes import connect_pods, make_bundle

HERE = Path(__file__).parent
SCENARIO = ROOT / "ansible/extensions/molecule/kubernetes_default/inventory.yml"
_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+)", re.MULTILINE)
PATIENCE = 180
"""Seconds that the cluster may take for a step; pods start within two on an idle computer."""


@dataclass
class Cluster:
    """Machines, and how Ansible and kubectl reach them: `asker` is the one on which kubectl is called."""

    folder: Path
    machines: dict[str, Machine]
    asker: Machine
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
        done = run(program, "-i", inventory, HERE / name, *options, env=environ, timeout=2700)
        self.said += done.text
        return done

    def kubectl(self, *words: str) -> str:
        done = self.asker.run("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *words)
        assert done.code == 0, done.text
        return done.out

    def answers(self) -> bool:
        """Whether the API does, at the endpoint."""
        ask = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=5s", "get", "--raw")
        return self.asker.run(*ask, "/readyz").out == "ok"

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "--output=json"))

    def apply(self, document: dict[str, Any]) -> None:
        script = 'printf %s "$1" | kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f -'
        done = self.asker.run("sh", "-ec", script, "sh", json.dumps(document))
        assert done.code == 0, done.text

    def ready(self, count: int) -> dict[str, Any]:
        """The nodes by name once `count` of them are Ready; empty before."""
        found = {
            node["metadata"]["name"]: node
            for node in self.get("nodes")["items"]
            for condition in node["status"]["conditions"]
            if (condition["type"], condition["status"]) == ("Ready", "True")
        }
        return found if len(found) == count else {}


def until(what: Callable[[], Any]) -> Any:
    """What it gives once that is something; fails after `PATIENCE` with the last refusal."""
    end, refused = time.monotonic() + PATIENCE, None
    while time.monotonic() < end:
        try:
            if found := what():
                return found
        except AssertionError as error:  # the API may be away for a moment
            refused = error
        time.sleep(1)
    raise AssertionError(f"nothing after {PATIENCE} s: {what}") from refused


def made(
    lab: Lab, folder: Path, control: Sequence[str], workers: Sequence[str] = (), **variables: Any
) -> Cluster:
    """Fresh machines with the inventory that their roles need; nothing has been played yet."""
    (folder / "ansible_collections/bastide").mkdir(parents=True)
    (folder / "ansible_collections/bastide/nodes").symlink_to(ROOT / "ansible")
    lab.serve_artifacts(make_bundle(folder / "bundle"))
    machines = {machine.name: machine for machine in lab.add(*control, *workers)}
    connect_pods(list(machines.values()))
    inventory = inventory_of(lab, *machines)
    inventory["all"]["children"] = {"control_plane": {"hosts": dict.fromkeys(control)}}
    scenario: Mapping[str, Any] = yaml.safe_load(SCENARIO.read_text())["all"]["vars"]
    inventory["all"]["vars"] |= {
        **scenario,
        "kubernetes_token_life": "1h",
        "lifecycle_kubectl": "/usr/local/bin/kubectl",
        "lifecycle_for_good": False,
        **variables,
    }
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    return Cluster(folder, machines, machines[control[0]])
