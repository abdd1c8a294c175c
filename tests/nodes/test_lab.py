"""The test machines are what the tests of roles take them for: real hosts, apart, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.nodes import Lab, LabError, Machine
from tests.support.nodes.cgroups import hierarchies
from tests.support.nodes.places import RUNTIME
from tests.support.project import eventually

pytestmark = pytest.mark.nodes
_GROUP = "/sys/fs/cgroup/own"
"""A control group where there is only version 2."""


@pytest.fixture(scope="module")
def one(lab: Lab) -> Machine:
    return lab.add("one")[0]


def test_a_machine_boots_without_a_failed_unit(one: Machine) -> None:
    state = one.run("systemctl", "is-system-running")
    assert state.out.strip() == "running", one.run("systemctl", "--failed").out


def test_ansible_s_user_has_sudo_and_the_host_key_is_the_one_that_was_told(one: Machine) -> None:
    assert one.ssh("sudo -n id -u").out.strip() == "0"
    shown = one.run("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").out
    assert one.fingerprint in shown


def test_packages_come_from_the_mirror_and_nothing_else_is_reached(one: Machine, lab: Lab) -> None:
    assert one.run("apt-get", "install", "--yes", "-qq", "nftables").code == 0
    assert Path(f"/proc/sys/net/ipv4/conf/{_bridge(lab)}/forwarding").read_text().strip() == "0"
    assert one.run("ping", "-c1", "-W1", "192.0.2.1").code != 0


def test_a_mirror_that_is_down_is_an_error_of_apt(one: Machine, lab: Lab) -> None:
    lab.cut_mirror()
    try:
        refused = one.run("apt-get", "update", "--error-on=any")
    finally:
        lab.cut_mirror(down=False)
    assert refused.code != 0
    assert "503" in refused.text
    assert one.run("apt-get", "update", "--error-on=any").code == 0


def test_kernel_settings_are_the_machine_s_own(one: Machine) -> None:
    here = {name: Path("/proc/sys", name).read_text() for name in ("kernel/panic", "net/ipv4/ip_forward")}
    assert one.run("sysctl", "-w", "kernel.panic=77", "net.ipv4.ip_forward=1").code == 0
    assert one.run("sysctl", "-n", "kernel.panic", "net.ipv4.ip_forward").out.split() == ["77", "1"]
    assert {name: Path("/proc/sys", name).read_text() for name in here} == here


def test_firewalls_and_control_groups_are_the_machine_s_own(one: Machine, lab: Lab) -> None:
    other = lab.add("two")[0]
    for machine in (one, other):
        assert machine.run("apt-get", "install", "--yes", "-qq", "nftables").code == 0
    group = (
        "/sys/fs/cgroup/memory/own" if one.run("test", "-d", "/sys/fs/cgroup/memory").code == 0 else _GROUP
    )
    assert one.run("mkdir", group).code == 0
    assert other.run("test", "-e", group).code != 0
    assert one.run("nft", "add", "table", "inet", "own").code == 0
    assert "own" not in other.run("nft", "list", "tables").out
    assert other.ssh(f"ping -c1 -W2 {one.address}").code == 0


def test_a_restart_keeps_the_disk_and_a_reset_does_not(one: Machine) -> None:
    assert one.run("sh", "-c", "echo kept > /etc/kept; echo kept > /var/kept").code == 0
    one.off()
    assert one.ssh("true").code != 0
    one.on()
    assert one.ssh("cat /etc/kept /var/kept").out.split() == ["kept", "kept"]
    one.reset()
    assert one.ssh("ls /etc/kept /var/kept").code != 0
    assert one.ssh("true").code == 0, "the host key is still the same"


def test_a_restart_from_inside_comes_back(one: Machine) -> None:
    before = _boot(one)
    one.run("systemctl", "reboot")
    eventually(lambda: _boot(one) not in ("", before), "the machine restarts", 60)


def test_a_lab_answers_while_machines_are_made(lab: Lab) -> None:
    """Many scenarios begin at once: none takes the lab of the others for one that has ended."""
    names = [f"crowd-{number}" for number in range(3)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        made = pool.submit(lab.add, *names)
        while not made.done():
            assert lab.running
            lab.order("describe")
        assert [machine.name for machine in made.result()] == names
    for name in names:
        lab.remove(name)


def test_an_unknown_machine_is_an_error_that_names_those_that_are(lab: Lab) -> None:
    with pytest.raises(LabError, match="no machine 'nine'"):
        lab.machine("nine")


def test_a_killed_lab_leaves_no_process_and_the_next_one_clears_the_rest(machines: None) -> None:
    with Lab() as first:
        first.add("one")
        bridge = _bridge(first)
        keeper = int((first.place.run / "keeper.pid").read_text())
        systemd = _outside(keeper)
        os.kill(keeper, signal.SIGKILL)
        assert first.keeper
        first.keeper.wait(timeout=30)
        assert not any(Path(f"/proc/{pid}").exists() for pid in systemd)
    with Lab() as second:
        assert not first.place.run.exists()
        assert not first.place.disk.exists()
        assert not any((top / "bastide-nodes" / first.place.name).exists() for top in hierarchies())
        assert _bridge(second) == bridge or bridge not in _links()
    assert not (RUNTIME / second.place.name).exists()


def _bridge(lab: Lab) -> str:
    return f"bn{lab.order('describe')['network'].split('.')[2]}"


def _links() -> str:
    return subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout


def _outside(pid: int) -> set[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {pid}.union(*(_outside(int(child)) for child in children))


def _boot(machine: Machine) -> str:
    return machine.ssh("cat /proc/sys/kernel/random/boot_id").out
