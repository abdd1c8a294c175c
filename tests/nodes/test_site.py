"""From a file of static hosts to nodes: check, foundation stack, inventory, site.yml, validation, leave.

Real: the engine, the CLI, Ansible over SSH with pinned host keys, Debian machines, kubeadm's control plane,
kubelets. Not here: hardware, a registry (images come with the machines), CoreDNS and kube-proxy.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.nodes.site import ENV, Site
from tests.support.command import run
from tests.support.nodes import Lab
from tests.support.nodes.kubernetes import FOLLOWING, connect_pods, make_bundle

CONTROL, WORKERS = "control-0", ("worker-0",)
pytestmark = [pytest.mark.nodes, pytest.mark.engine, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The environment's files and its machines; nothing was deployed yet."""
    folder = tmp_path_factory.mktemp("site")
    artifacts = lab.serve_artifacts(make_bundle(lab.place.disk / "artifacts", following=True))
    control, *workers = lab.add(CONTROL, *WORKERS)
    pools = {"masters": [control], **{f"pool-{n}": [worker] for n, worker in enumerate(workers)}}
    made = Site(folder=folder, pools=pools, artifacts=artifacts)
    made.write()
    made.install_engine()
    return made


@pytest.fixture(scope="module")
def deployed(site: Site) -> Site:
    """The same with its foundation stack."""
    done = site.pulumi("stack", "init", f"{ENV}.foundation")
    assert done.code == 0, done.text
    done = site.pulumi("up", "--stack", f"{ENV}.foundation", "--yes", "--skip-preview")
    assert done.code == 0, done.text
    return site


@pytest.fixture(scope="module")
def converged(deployed: Site) -> Site:
    """The same after `bastide nodes up`."""
    connect_pods(deployed.machines)
    _seed(deployed)
    done = deployed.nodes("up")
    assert done.code == 0, done.text[-8000:]
    return deployed


def _seed(site: Site) -> None:
    exports = site.bastide("env", ENV)
    assert exports.code == 0, exports.text
    variables = json.dumps(site.confined())
    done = run(
        *("bash", "-c", 'eval "$0"; exec ansible-playbook -e "$1" "$2"', exports.out, variables),
        Path(__file__).with_name("seed.yml"),
        env={**site.environ(), "PATH": f"{site.folder}/.venv/bin:{site.environ()['PATH']}"},
        timeout=1800,
    )
    assert done.code == 0, done.text[-6000:]


def test_the_configuration_is_valid(site: Site) -> None:
    done = site.bastide("check", ENV)
    assert done.code == 0, done.text
    assert "the configuration is valid" in done.out


def test_every_machine_is_listed_with_its_pinned_key(deployed: Site) -> None:
    done = deployed.nodes("list")
    assert done.code == 0, done.text
    assert [row["name"] for row in done.json] == [machine.name for machine in deployed.machines]


def test_the_machines_are_nodes_of_one_cluster(converged: Site) -> None:
    done = converged.machines[0].run(
        "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "nodes", "--output=json"
    )
    assert done.code == 0, done.text
    names = {node["metadata"]["name"] for node in done.json["items"]}
    assert names == {machine.name for machine in converged.machines}


def test_a_second_run_changes_nothing(converged: Site) -> None:
    done = converged.nodes("up")
    assert done.code == 0, done.text[-8000:]
    assert done.json["changed"] == 0, done.json["hosts"]


def test_validation_is_green(converged: Site) -> None:
    done = converged.nodes("validate")
    assert done.code == 0, done.text[-8000:]
    assert set(done.json["hosts"]) == {machine.name for machine in converged.machines}


def test_an_upgrade_brings_every_node_to_the_next_version(converged: Site) -> None:
    converged.versions["kubernetes_version"] = FOLLOWING
    done = converged.nodes("upgrade")
    assert done.code == 0, done.text[-8000:]
    kubectl = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
    control = converged.machines[0]
    listed = control.run(*kubectl, "get", "nodes", "--output=json").json["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in listed} == {f"v{FOLLOWING}"}
    assert not any(node["spec"].get("unschedulable") for node in listed)
    assert (
        control.run(*kubectl, "version", "--output=json").json["serverVersion"]["gitVersion"]
        == f"v{FOLLOWING}"
    )
    again = converged.nodes("upgrade")
    assert again.json["changed"] == 0, again.text[-8000:]


def test_a_worker_leaves(converged: Site) -> None:
    leaving = converged.machines[-1]
    done = converged.nodes("decommission", leaving.name, "--yes")
    assert done.code == 0, done.text[-8000:]
    listed = converged.machines[0].run(
        "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "nodes", "--output=name"
    )
    assert f"node/{leaving.name}" not in listed.out.split()
    assert leaving.run("systemctl", "is-active", "kubelet").out.strip() != "active"
