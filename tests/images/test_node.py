"""The node image, booted: UEFI with secure boot, a config drive, login, a role; and what must not boot."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.nodes.bundle import write_index
from components.upstream import catalog
from images.builder import disk_sign
from images.builder.build import Order, build
from images.builder.catalogue import Catalogue
from images.builder.definition import load
from images.builder.disk_assemble import Made
from images.builder.disk_inside import Inside, tools
from images.builder.errors import ImageError
from images.builder.layout import Layout
from tests.images import config_drive
from tests.images.conftest import Image, archive, bundle_of
from tests.support.nodes import qemu
from tests.support.nodes.roles import UNCHANGED, Machine
from tests.support.processes import running
from tests.support.project import eventually
from twin.settings import ROOT

pytestmark = [
    pytest.mark.images("node-generic"),
    pytest.mark.skipif(bool(qemu.absent()), reason=f"a virtual machine {qemu.absent()}"),
    pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img (package qemu-utils)"),
    pytest.mark.timeout(3600),
]
HOSTNAME = "gpu-7"
SIZE = "8G"
SNAKEOIL = Path("/usr/share/ovmf")
TRUSTING = qemu.FIRMWARE / "OVMF_VARS_4M.snakeoil.fd"
"""Variables of a firmware with secure boot, which trusts Debian's test key and no other."""
REFUSED_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Signed:
    """The raw disk of the image with its kernel signed by the test key, the `plain` one, a key to log in.

    `again` is the plain one signed once more, with the same key.
    """

    disk: Path
    again: Path
    plain: Path
    bundle: Path
    config: dict[str, Any]
    key: Path


def _do(*argv: str | Path) -> str:
    return subprocess.run(list(map(str, argv)), check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def signed(image: Callable[[str], Image], tmp_path_factory: pytest.TempPathFactory) -> Signed:
    folder = tmp_path_factory.mktemp("node")
    node = image("node-generic")
    keys = folder / "keys"
    keys.mkdir()
    shutil.copy(SNAKEOIL / "PkKek-1-snakeoil.pem", keys / "db.crt")
    _do(
        "openssl",
        "rsa",
        "-in",
        SNAKEOIL / "PkKek-1-snakeoil.key",
        "-passin",
        "pass:snakeoil",
        "-out",
        keys / "db.key",
    )
    inside = Inside(tree=tools(archive(("main",))), epoch=node.entry.epoch, binds={"/work": folder})
    config = json.loads(node.store.read(node.store.manifest(node.entry.digest)["config"]["digest"]))
    disks = folder / "disk.raw", folder / "again.raw"
    for raw in disks:
        _do("cp", "--sparse=always", node.file("node-generic.raw"), raw)
        made = Made(raw=raw, partitions=config["partitions"], usr_hash=config["usrHash"])
        disk_sign.sign(inside, made, folder, keys)
    _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
    return Signed(
        disk=disks[0],
        again=disks[1],
        plain=node.file("node-generic.raw"),
        bundle=bundle_of(node.store)[0],
        config=config,
        key=folder / "key",
    )


def test_openstack_gets_the_same_disk(image: Callable[[str], Image]) -> None:
    node = image("node-generic")
    files = node.file("node-generic.raw"), node.file("node-generic.qcow2")
    assert "identical" in _do("qemu-img", "compare", "-f", "raw", "-F", "qcow2", *files)


def test_a_second_signature_gives_the_same_bytes(signed: Signed) -> None:
    _do("cmp", signed.disk, signed.again)


def source(signed: Signed, folder: Path, disk: Path) -> qemu.Source:
    """The disk, grown, and a config drive that brings a name, a key and a file."""
    grown = folder / "root.qcow2"
    _do("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk, grown, SIZE)
    drive = config_drive.write(
        folder / "config.img",
        hostname=HOSTNAME,
        key=signed.key.with_suffix(".pub").read_text().strip(),
        user_data="#cloud-config\ndisable_root: false\nwrite_files: [{path: /etc/rack, content: r7}]\n",
    )
    return qemu.Source(disks=(grown, drive), key=signed.key, variables=TRUSTING)


@pytest.fixture(scope="module")
def guest(signed: Signed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[qemu.Guest]:
    start = source(signed, tmp_path_factory.mktemp("guest"), signed.disk)
    with qemu.off(start) as machine:
        begin = time.monotonic()
        machine.start()
        print(f"boot to login: {time.monotonic() - begin:.0f} s")
        yield machine


def test_it_becomes_what_the_config_drive_says(guest: qemu.Guest) -> None:
    told = json.loads(guest.run("cloud-init", "status", "--wait", "--format=json", seconds=600).stdout)
    assert told["status"] == "done", told
    assert told["errors"] == []
    assert told["datasource"] == "configdrive"
    assert guest.run("hostname").stdout.strip() == HOSTNAME
    assert guest.run("cat", "/etc/rack").stdout == "r7"
    assert guest.run("systemctl", "--failed", "--no-legend", "--plain").stdout == ""
    assert guest.run("cat", "/etc/machine-id").stdout.strip()


def test_the_root_takes_the_disk(guest: qemu.Guest) -> None:
    size = int(guest.run("findmnt", "--noheadings", "--bytes", "--output=SIZE", "/").stdout)
    assert size > 5 << 30


def test_usr_is_verified_and_cannot_be_written(guest: qemu.Guest, signed: Signed) -> None:
    mounted = guest.run("findmnt", "--noheadings", "--output=SOURCE,FSTYPE,OPTIONS", "/usr").stdout.split()
    assert mounted[:2] == ["/dev/mapper/usr", "erofs"]
    assert mounted[2].startswith("ro,")
    assert str(signed.config["usrHash"]) in guest.run("dmsetup", "table", "usr").stdout
    assert " verity V" in guest.run("dmsetup", "status", "usr").stdout
    assert guest.run("touch", "/usr/bin/mine", check=False).returncode != 0
    guest.run("touch", "/usr/local/bin/theirs", "/usr/share/pam-configs/theirs")


def test_the_firmware_has_verified_the_kernel(guest: qemu.Guest) -> None:
    assert "SecureBoot enabled" in guest.run("mokutil", "--sb-state").stdout
    assert "[integrity]" in guest.run("cat", "/sys/kernel/security/lockdown").stdout


@pytest.fixture
def artifacts(signed: Signed) -> Iterator[dict[str, str]]:
    """The bundle that the image was made with, served to the machine."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=signed.bundle)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"url": f"http://10.0.2.2:{server.server_port}", "digest": signed.config["bundle"]}
        server.shutdown()


def test_a_role_finds_its_programs_configures_them_and_is_valid(
    guest: qemu.Guest, artifacts: dict[str, str], tmp_path: Path
) -> None:
    machine = Machine(guest, tmp_path)
    wanted = {
        **catalog.programs(),
        "bastide_artifacts": artifacts,
        "runtime_pause_image": "registry.k8s.io/pause@sha256:" + "0" * 64,
    }
    assert UNCHANGED in machine.must("runtime", wanted, tasks="install")
    machine.must("runtime", wanted)
    statuses = {check["id"]: check["status"] for check in machine.report("runtime.validation")["checks"]}
    assert "failed" not in statuses.values(), statuses
    assert "passed" in statuses.values(), statuses


def _ends_with(machine: qemu.Guest, text: str) -> str:
    """The console once it has told `text`, or after `REFUSED_SECONDS`."""
    machine.switch_on()
    ends = time.monotonic() + REFUSED_SECONDS
    while time.monotonic() < ends:
        if machine.console.exists() and text in machine.console.read_text(errors="replace"):
            break
        time.sleep(1)
    return machine.console.read_text(errors="replace")


def _flipped(disk: Path, folder: Path, at: int) -> Path:
    """A copy of the disk with one bit turned."""
    made = folder / "flipped.raw"
    _do("cp", "--sparse=always", disk, made)
    with made.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    return made


def test_a_bit_flipped_in_usr_stops_the_machine(signed: Signed, tmp_path: Path) -> None:
    # the superblock of EROFS: the first block that a mount reads
    wrong = _flipped(signed.disk, tmp_path, signed.config["partitions"]["usr"] + 1024 + 16)
    with qemu.off(source(signed, tmp_path, wrong)) as machine:
        told = _ends_with(machine, "Kernel panic")
    assert "is corrupted" in told
    assert "Kernel panic" in told


def test_a_kernel_that_nobody_signed_does_not_start(signed: Signed, tmp_path: Path) -> None:
    with qemu.off(source(signed, tmp_path, signed.plain)) as machine:
        told = _ends_with(machine, "Access Denied")
    assert "Access Denied" in told or "Security Violation" in told
    assert "Linux version" not in told


class _BegunError(Exception):
    """A build has come as far as the packages."""


def _tell(told: str) -> None:
    if told == "packages":
        raise _BegunError


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """What a build is given that does not come as far as its roles."""
    bundle = tmp_path / "bundle"
    (bundle / "x" / "1" / "amd64").mkdir(parents=True)
    (bundle / "x" / "1" / "amd64" / "x").write_text("")
    return Order(archive=archive(("main",)), tell=print, bundle=bundle, digest=write_index(bundle)[0])


def test_a_disk_that_is_full_is_named_and_nothing_half_built_is_kept(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    _do("mount", "-t", "tmpfs", "-o", "size=150M", "tmpfs", small)
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        monkeypatch.setenv("TMPDIR", str(small))
        store = Layout(tmp_path / "store")
        with pytest.raises(ImageError) as told:
            list(build(load("node"), store, order))
        assert list(small.iterdir()) == []
    finally:
        _do("umount", small)
    assert "free space" in told.value.problem
    assert "TMPDIR" in told.value.mend
    assert Catalogue.read(store.root).images == {}
    assert store.names() == {}


def test_after_a_build_that_was_killed_the_next_one_begins_anew(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts, store = tmp_path / "drafts", Layout(tmp_path / "store")
    drafts.mkdir()
    words = ["build", "node", "--store", store.root, "--bundle", order.bundle, "--digest", order.digest]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("bastide"), "images", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(drafts)},
        stdout=subprocess.DEVNULL,
    )
    while not list(drafts.glob("bastide-image-node-generic-*/tree/etc")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.2)
    process.kill()
    process.wait()
    eventually(lambda: not running(str(drafts)), "nothing of it works on")
    assert Catalogue.read(store.root).images == {}
    assert store.names() == {}
    with pytest.raises(_BegunError):
        list(build(load("node"), store, dataclasses.replace(order, tell=_tell)))
