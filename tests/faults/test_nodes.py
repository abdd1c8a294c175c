"""Faults of real machines (sshd, apt, dpkg) are told by host, step and mend; the rerun goes on."""

from __future__ import annotations

import configparser
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.running import COLLECTION, Ran, run_tasks
from tests.support.nodes import Lab, Machine
from tests.support.nodes.inventory import inventory_of
from tests.support.nodes.lab import needs

pytestmark = [
    pytest.mark.fault,
    pytest.mark.nodes,
    pytest.mark.skipif(bool(needs()), reason=needs()),
    pytest.mark.xdist_group("nodes"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.add("one", "two")
        yield made


@pytest.fixture
def one(lab: Lab) -> Machine:
    return lab.machine("one")


def role(entry: str, **variables: Any) -> dict[str, Any]:
    step = {"name": "bastide.nodes.lifecycle", "tasks_from": entry}
    return {"name": f"Run {entry}", "ansible.builtin.include_role": step, "vars": variables}


def settings() -> str:
    """How the product has Ansible call SSH."""
    parser = configparser.ConfigParser()
    parser.read(COLLECTION / "ansible.cfg")
    return parser["ssh_connection"]["ssh_args"]


def play(root: Path, lab: Lab, *tasks: dict[str, Any], hosts: tuple[str, ...] = ("one",)) -> Ran:
    inventory = inventory_of(lab, *hosts)
    env = {"ANSIBLE_HOST_KEY_CHECKING": "true", "ANSIBLE_TIMEOUT": "10", "ANSIBLE_SSH_ARGS": settings()}
    return run_tasks(root, list(tasks), inventory, env=env)


def only(ran: Ran) -> dict[str, Any]:
    assert ran.status != 0, ran.output
    assert len(ran.faults) == 1, ran.output
    return ran.faults[0]


def test_the_package_mirror_is_down(tmp_path: Path, lab: Lab, one: Machine) -> None:
    one.run("sh", "-c", "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin")
    lab.cut_mirror()
    try:
        fault = only(play(tmp_path, lab, role("due"), role("patch")))
    finally:
        lab.cut_mirror(down=False)
    assert (fault["host"], fault["cause"]) == ("one", "package-mirror")
    assert fault["step"].startswith("bastide.nodes.lifecycle : ")
    assert "base_package_mirror" in fault["mend"]
    ran = play(tmp_path, lab, role("due"), role("patch"))
    assert ran.status == 0, ran.output


def test_packages_are_half_installed(tmp_path: Path, lab: Lab, one: Machine) -> None:
    control = (
        "Package: broken\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n"
    )
    script = (
        f"mkdir -p /tmp/b/DEBIAN && printf '{control}' > /tmp/b/DEBIAN/control && "
        "printf '#!/bin/sh\\ntest -e /run/mended\\n' > /tmp/b/DEBIAN/postinst && "
        "chmod 755 /tmp/b/DEBIAN/postinst && "
        "dpkg-deb --build /tmp/b /tmp/broken.deb && dpkg -i /tmp/broken.deb"
    )
    assert one.run("sh", "-c", script).code != 0
    fault = only(play(tmp_path, lab, role("preflight")))
    assert (fault["host"], fault["cause"]) == ("one", "dpkg-interrupted")
    assert "dpkg --configure -a" in fault["mend"]
    assert (
        one.run("sh", "-c", "touch /run/mended; dpkg --configure -a; apt-get --fix-broken install").code == 0
    )
    assert play(tmp_path, lab, role("preflight")).status == 0


def test_the_disk_is_full(tmp_path: Path, lab: Lab, one: Machine) -> None:
    fill = {"dest": "/mnt/file", "content": "x" * 200_000, "mode": "0600"}
    step = {"name": "Write a file", "ansible.builtin.copy": fill}
    assert one.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt").code == 0
    fault = only(play(tmp_path, lab, step))
    assert (fault["host"], fault["step"], fault["cause"]) == ("one", "Write a file", "disk-full")
    assert one.run("mount", "-o", "remount,size=1m", "/mnt").code == 0
    assert play(tmp_path, lab, step).status == 0


def test_too_little_space_is_told_before_a_patch(tmp_path: Path, lab: Lab) -> None:
    fault = only(play(tmp_path, lab, role("due", lifecycle_free=10**9), role("patch")))
    assert (fault["host"], fault["cause"]) == ("one", "disk-full")
    assert "Free space in /var" in fault["mend"]


def test_a_machine_is_lost_in_mid_run(tmp_path: Path, lab: Lab, one: Machine) -> None:
    begin = {"name": "Begin", "ansible.builtin.command": "true", "changed_when": False}
    wait = {"argv": ["sh", "-c", "touch /run/begun && sleep 120"]}
    go_on = {"name": "Go on", "ansible.builtin.command": wait, "changed_when": False}

    def pull_the_plug() -> None:
        two = lab.machine("two")
        for _ in range(1200):
            if two.run("test", "-e", "/run/begun").code == 0:
                two.off()
                return
            time.sleep(0.1)

    puller = threading.Thread(target=pull_the_plug)
    puller.start()
    try:
        fault = only(play(tmp_path, lab, begin, go_on, hosts=("one", "two")))
    finally:
        puller.join()
        lab.machine("two").on()
    assert (fault["host"], fault["step"], fault["unreachable"]) == ("two", "Go on", True)
    assert fault["mend"].startswith("check its power")
    wait["argv"] = ["true"]
    assert play(tmp_path, lab, begin, go_on, hosts=("one", "two")).status == 0


def test_another_machine_answers(tmp_path: Path, lab: Lab, one: Machine) -> None:
    def swap() -> None:
        script = "rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh"
        assert one.run("sh", "-c", script).code == 0

    kept = one.run("tar", "-C", "/etc/ssh", "-cf", "/root/keys.tar", ".")
    assert kept.code == 0
    swap()
    step = {"name": "Begin", "ansible.builtin.command": "true", "changed_when": False}
    fault = only(play(tmp_path, lab, step))
    assert (fault["host"], fault["cause"]) == ("one", "host-key")
    assert "hostKey" in fault["mend"]
    one.run("sh", "-c", "tar -C /etc/ssh -xf /root/keys.tar && systemctl restart ssh")
    assert play(tmp_path, lab, step).status == 0


def test_a_step_reaches_out_of_the_air_gap(tmp_path: Path, lab: Lab) -> None:
    url = "https://download.example.org/key.asc"
    step = {"name": "Get a key", "ansible.builtin.get_url": {"url": url, "dest": "/root/key", "mode": "0600"}}
    fault = only(play(tmp_path, lab, step))
    assert (fault["host"], fault["step"], fault["cause"]) == ("one", "Get a key", "air-gap")
    assert url in fault["said"]
