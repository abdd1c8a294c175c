"""Three control plane hosts that share the API's address: joined, changed, one lost, one replaced.

Real: kubeadm, etcd of three members, keepalived (VRRP) between the machines, the API at the shared address.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from itertools import pairwise
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.nodes.cluster import Cluster, made, until
from tests.support.nodes import Lab, Machine

pytestmark = [pytest.mark.nodes, pytest.mark.timeout(3600)]
MEMBERS = ("control-1", "control-2", "control-3")
KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
"""What kubeadm's certificate keys look like, as digests do."""
ALL = dict.fromkeys(MEMBERS, 0)
ENDPOINT = "{{ ansible_host | regex_replace('[0-9]+$', '250') }}"


@pytest.fixture(scope="module")
def trio(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Three control plane hosts after their roles have run once."""
    cluster = made(
        lab,
        tmp_path_factory.mktemp("ha"),
        MEMBERS,
        kubernetes_endpoint=f"{ENDPOINT}:6443",
        kubernetes_virtual_address=True,
    )
    cluster.play("join.yml")
    return cluster


def members(cluster: Cluster, component: str) -> dict[str, dict[str, Any]]:
    """The pods of a component of the control plane that are Ready, by host."""
    pods = cluster.get("pods", "--namespace=kube-system", f"--selector=component={component}")["items"]
    return {
        pod["spec"]["nodeName"]: pod
        for pod in pods
        for condition in pod["status"].get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }


def all_of(cluster: Cluster, component: str, *hosts: str) -> dict[str, dict[str, Any]]:
    """The same once they are on these hosts and no others."""
    return dict(until(lambda: set(found := members(cluster, component)) == set(hosts) and found))


def holders(cluster: Cluster) -> list[Machine]:
    """The machines that have the shared address."""
    told = {machine: machine.run("ip", "-4", "address", "show") for machine in cluster.machines.values()}
    return [machine for machine, shown in told.items() if ".250/" in shown.out]


def opens(key: str, sealed: bytes) -> bool:
    """Whether the key is that of what kubeadm has sealed (AES-GCM behind its nonce)."""
    with contextlib.suppress(InvalidTag):
        return bool(AESGCM(bytes.fromhex(key)).decrypt(sealed[:12], sealed[12:], None))
    return False


def test_what_a_key_has_sealed_it_opens() -> None:
    nonce, sealed = b"n" * 12, AESGCM(b"k" * 32).encrypt(b"n" * 12, b"content", None)
    assert opens((b"k" * 32).hex(), nonce + sealed)
    assert not opens((b"x" * 32).hex(), nonce + sealed)


def test_each_runs_a_member_of_etcd_and_an_api_server(trio: Cluster) -> None:
    assert set(until(lambda: trio.ready(len(MEMBERS)))) == set(MEMBERS)
    for component in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        all_of(trio, component, *MEMBERS)


def test_all_encrypt_with_the_same_key(trio: Cluster) -> None:
    path = "/etc/kubernetes/bastide/encryption.yaml"
    digests = {hashlib.sha256(machine.read(path).encode()).digest() for machine in trio.machines.values()}
    assert len(digests) == 1


def test_a_second_run_changes_nothing(trio: Cluster) -> None:
    assert trio.play("join.yml") == ALL


def test_a_change_is_brought_to_one_after_another(trio: Cluster) -> None:
    """No API server is stopped before the one of the host before it is ready again."""
    audit = json.dumps({"kubernetes_audit": {"days": 7, "files": 3, "megabytes": 10}})
    trio.play("join.yml", "-e", audit)
    spans = []
    for pod in all_of(trio, "kube-apiserver", *MEMBERS).values():
        assert "--audit-log-maxage=7" in pod["spec"]["containers"][0]["command"]
        ready = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
        started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        spans.append((started, ready["lastTransitionTime"]))
    spans.sort()
    assert all(ready <= started for (_, ready), (started, _) in pairwise(spans)), spans


def test_the_api_outlives_the_host_that_has_its_address(trio: Cluster) -> None:
    (lost,) = until(lambda: len(found := holders(trio)) == 1 and found)
    trio.asker = next(machine for machine in trio.machines.values() if machine is not lost)
    lost.off()
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "default"}}
    until(trio.answers)
    until(lambda: trio.apply(document) or "applied")
    lost.on()
    until(lambda: trio.ready(len(MEMBERS)))
    assert until(lambda: trio.get("configmap", "kept", "--namespace=default"))["metadata"]["name"] == "kept"
    until(lambda: len(holders(trio)) == 1)
    all_of(trio, "etcd", *MEMBERS)


def test_a_member_leaves_and_comes_back(trio: Cluster) -> None:
    """The key by which it is lent the others' keys is told nowhere, not even with -vvvv."""
    leaver = MEMBERS[-1]
    trio.asker = trio.machines[MEMBERS[0]]
    trio.play("move.yml", "-e", "role=kubernetes", "-e", "entry=reset", "--limit", leaver)
    until(lambda: trio.kubectl("delete", "node", leaver, "--ignore-not-found") or "gone")
    assert trio.machines[leaver].run("systemctl", "is-active", "keepalived").out.strip() == "inactive"
    all_of(trio, "etcd", *MEMBERS[:2])
    before = len(trio.said)
    changed = trio.play("join.yml", "-vvvv")
    assert changed[leaver] > 0
    assert trio.machines[leaver].run("ls", "/etc/kubernetes/bastide/join.yaml").code != 0
    lent = trio.get("secret", "kubeadm-certs", "--namespace=kube-system")["data"]["ca.crt"]
    told = set(KEY.findall(trio.said[before:]))
    assert told, "digests at least"
    assert [key for key in told if opens(key, base64.b64decode(lent))] == []
    all_of(trio, "etcd", *MEMBERS)
    until(trio.answers)
