"""Roles on a virtual machine with secure boot, TPM, NVMe, device mapper and KVM: what containers cannot show.

Each test boots a machine of its own, a few minutes under emulation.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.running import COLLECTION
from tests.support.command import run
from tests.support.nodes import qemu
from tests.support.nodes.roles import UNCHANGED, Machine

_ASKED = os.environ.get("BASTIDE_TEST_VIRTUAL", "") not in ("", "0")
pytestmark = [
    pytest.mark.nodes,
    pytest.mark.skipif(not _ASKED, reason="an emulated machine is slow: BASTIDE_TEST_VIRTUAL=1 asks for it"),
    pytest.mark.skipif(bool(qemu.absent()), reason=f"a virtual machine {qemu.absent()}"),
]

_INTERRUPTED = """
head --bytes=64 /dev/urandom > /run/key
cryptsetup luksFormat --batch-mode --label=bastide-unsealed --pbkdf=pbkdf2 --pbkdf-force-iterations=1000 \
  --key-file=/run/key /dev/nvme1n1
rm /run/key
"""
"""What is left of a disk where sealing it was interrupted: a header whose only key is gone."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A booted machine with two empty NVMe disks of 4 GiB."""
    with qemu.guest(disks=[4, 4]) as guest:
        yield Machine(guest, tmp_path)


@pytest.mark.timeout(3600)
def test_disks_are_sealed_survive_a_boot_and_are_wiped(machine: Machine) -> None:
    guest = machine.guest
    disks = {"storage_devices": ["/dev/nvme0n1", "/dev/nvme1n1"]}
    guest.run("mkfs.ext4", "-q", "-L", "precious", "/dev/nvme1n1")
    told = machine.refused("storage", disks)
    assert "/dev/nvme1n1: found 'foreign: holds ext4 with the label precious'" in told
    assert (
        guest.run("blkid", "--match-tag", "LABEL", "--output", "value", "/dev/nvme1n1").stdout == "precious\n"
    )
    assert "foreign" in machine.refused("storage", {"storage_wipe_devices": ["/dev/nvme1n1"]}, tasks="wipe")
    guest.run("wipefs", "--all", "/dev/nvme1n1")
    guest.run("sh", "-ec", _INTERRUPTED)

    machine.must("storage", disks)
    assert UNCHANGED in machine.must("storage", disks)
    assert UNCHANGED in machine.must("storage", disks, "--check")
    guest.run("touch", "/var/lib/containerd/kept")

    guest.reboot()
    guest.run("test", "-e", "/var/lib/containerd/kept")
    machine.must("storage", disks, tasks="validate")
    header = guest.run("cryptsetup", "luksDump", "/dev/nvme0n1").stdout
    assert "systemd-tpm2" in header
    assert header.count(": luks2\n") == 1, "a key besides the TPM's"
    assert guest.run("find", "/run/bastide", "-type", "f", check=False).stdout == "", "a key was left behind"

    half = {"storage_wipe_devices": ["/dev/nvme0n1"]}
    assert "the whole group: found '2'" in machine.refused("storage", half, tasks="wipe")
    at_work = ("--unit=containerd", "--working-directory=/var/lib/containerd", "sleep", "infinity")
    guest.run("systemd-run", *at_work)
    machine.must("storage", disks, tasks="wipe")
    wiped = machine.report("storage.wipe")["devices"]
    assert [(disk["serial"], disk["method"], disk["keys"]) for disk in wiped] == [
        ("disk0", "format", "destroyed"),
        ("disk1", "format", "destroyed"),
    ]
    for disk in disks["storage_devices"]:
        assert guest.run("cmp", "--bytes=4294967296", disk, "/dev/zero", seconds=600).stdout == ""


@pytest.mark.timeout(3600)
def test_boot_is_proven_and_measuring_survives_it(machine: Machine) -> None:
    guest = machine.guest
    machine.must("attestation", {})
    evidence = machine.report("attestation.evidence")
    assert (evidence["secure_boot"], evidence["lockdown"]) == (True, "integrity")
    assert evidence["log"]["events"] > 20
    assert evidence["log"]["unexplained"] == []
    golden = {"attestation_expected_pcrs": {index: evidence["registers"][index] for index in ("0", "4", "7")}}
    assert UNCHANGED in machine.must("attestation", golden)

    guest.reboot()
    machine.must("attestation", golden, tasks="validate")
    measured = guest.run("cat", "/sys/kernel/security/ima/ascii_runtime_measurements").stdout
    assert "/usr/bin/" in measured, "systemd has not loaded the policy"

    guest.run("tpm2_pcrextend", f"7:sha256={'1' * 64}")
    told = machine.refused("attestation", golden)
    assert "pcr 7 of guest: found" in told
    assert "registers not explained by the log: 7" in told
    assert "pcr 4 of guest: found" not in told


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Kata as a stand-in, runsc too where none is on PATH, served to the machine."""
    folder = tmp_path / "bundle"
    maker = COLLECTION / "extensions/molecule/microvm_default/bundle.py"
    done = run("python3", maker, folder, "4.1.0", "20260831.0")
    assert done.code == 0, done.text
    if runsc := shutil.which("runsc"):
        shutil.copy(runsc, folder / "runsc/20260831.0/amd64/runsc")
    from cli.nodes.bundle import write_index

    digest, _ = write_index(folder)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"url": f"http://10.0.2.2:{server.server_port}", "digest": digest}
        server.shutdown()


@pytest.mark.timeout(3600)
def test_thin_pool_takes_snapshots_and_survives_a_boot(machine: Machine, bundle: dict[str, str]) -> None:
    guest = machine.guest
    guest.run("modprobe", "kvm_amd")
    wanted = {
        "bastide_artifacts": bundle,
        "microvm_kata_version": "4.1.0",
        "microvm_gvisor_version": "20260831.0",
        "microvm_thin_pool": {"device": "/dev/nvme0n1", "size": "2Gi"},
        "microvm_thin_pool_metadata": "64Mi",
    }
    machine.must("microvm", wanted)
    assert UNCHANGED in machine.must("microvm", wanted)
    pool = "/dev/mapper/sandboxes-thinpool"
    # as containerd's snapshotter does it: a thin device, and a snapshot of it
    guest.run("dmsetup", "message", pool, "0", "create_thin 1")
    guest.run("dmsetup", "create", "base", "--table", f"0 2097152 thin {pool} 1")
    guest.run("mkfs.ext4", "-q", "/dev/mapper/base")
    guest.run("dmsetup", "suspend", "base")
    guest.run("dmsetup", "message", pool, "0", "create_snap 2 1")
    guest.run("dmsetup", "resume", "base")
    guest.run("dmsetup", "create", "snapshot", "--table", f"0 2097152 thin {pool} 2")
    guest.run("fsck.ext4", "-n", "/dev/mapper/snapshot")

    guest.reboot()
    guest.run("modprobe", "kvm_amd")
    machine.must("microvm", wanted, tasks="validate")
    statuses = {check["id"]: check["status"] for check in machine.report("microvm.validation")["checks"]}
    assert set(statuses.values()) == {"passed"}
    assert {"kvm", "vhost-vsock", "thin pool", "thin pool watched"} <= set(statuses)
    guest.run("dmsetup", "create", "snapshot", "--table", f"0 2097152 thin {pool} 2")
    guest.run("fsck.ext4", "-n", "/dev/mapper/snapshot")
