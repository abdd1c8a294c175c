"""Parts of the guest: the kernel's options and image, the initramfs, the hash tree, the descriptions."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import struct
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from images.builder import agent, cpio, guest, kernel, squash, verity
from images.builder.definition import load
from images.builder.errors import ImageError
from images.run.agent import PORT, Agent

FOLDER = load("guest").folder
_LOOPBACK = 1
"""VMADDR_CID_LOCAL."""
LINE = "console=ttyS0 bastide.root=1:00"


def test_a_missing_option_is_named_with_what_it_must_be() -> None:
    config = "CONFIG_PVH=y\nCONFIG_VIRTIO_BLK=m\n# CONFIG_DM_VERITY is not set\nCONFIG_ACPI=m\n"
    kernel.check_options(config, {"PVH": "y", "VIRTIO_BLK": "m"}, "6.12")
    with pytest.raises(ImageError) as raised:
        kernel.check_options(config, {"PVH": "y", "DM_VERITY": "m", "ACPI": "y"}, "6.12")
    assert "kernel 6.12" in raised.value.problem
    assert "CONFIG_DM_VERITY is not set, must be y or m" in raised.value.problem
    assert "CONFIG_ACPI is m, must be y" in raised.value.problem
    assert "PVH" not in raised.value.problem


def elf(kind: int, content: bytes) -> bytes:
    """An ELF image of 64 bits with one note."""
    note = struct.pack("<III", 4, len(content), kind) + b"Xen\0" + content
    header = b"\x7fELF" + bytes(28) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 1) + bytes(6)
    program = struct.pack("<IIQQQQQQ", 4, 0, 120, 0, 0, len(note), len(note), 4)
    return header + program + note


def test_the_entry_without_a_boot_loader_is_found_or_its_lack_named() -> None:
    assert kernel.pvh_entry(elf(18, b"\x90\xf9\x33\x01"), "6.12") == 0x0133F990
    with pytest.raises(ImageError, match="no PVH entry"):
        kernel.pvh_entry(elf(6, b"linux\0\0\0"), "6.12")


def test_what_is_no_kernel_is_refused() -> None:
    with pytest.raises(ImageError, match="is no bzImage"):
        kernel.unpacked(bytes(4096), "6.12")


def test_modules_come_after_those_that_they_need() -> None:
    files = {
        "a/dm-verity.ko": b"\0depends=dm-mod,reed_solomon\0",
        "a/dm-mod.ko": b"\0depends=\0",
        "a/reed_solomon.ko": b"\0depends=\0",
    }
    modules = kernel.Modules("6.12", files, files.__getitem__, ["kernel/fs/ext4/ext4.ko"])
    assert modules.ordered(["dm_verity", "ext4"]) == ("dm_mod", "reed_solomon", "dm_verity")
    with pytest.raises(ImageError, match=r"6\.12 has no module squashfs"):
        modules.ordered(["squashfs"])


def test_an_initramfs_has_what_was_put_in() -> None:
    made = cpio.archive([cpio.folder("dev"), cpio.console(), cpio.file("init", b"run", 0o755)])
    assert len(made) % 4 == 0
    assert made == cpio.archive([cpio.folder("dev"), cpio.console(), cpio.file("init", b"run", 0o755)])
    name = made.index(b"init\0")
    assert made[name - 110 : name - 104] == b"070701"
    assert int(made[name - 96 : name - 88], 16) == 0o100755
    assert made.endswith(b"TRAILER!!!\0\0\0\0")


def test_the_root_hash_changes_with_any_byte(tmp_path: Path) -> None:
    data = bytes(200 * verity.BLOCK + 5)
    sealed = verity.seal(data, tmp_path / "a")
    altered = verity.seal(b"\1" + data[1:], tmp_path / "b")
    assert sealed.blocks == altered.blocks == 201
    assert sealed.hash != altered.hash
    # 201 digests fill two blocks, whose digests are in the top block: that comes first
    top = (tmp_path / "a").read_bytes()[201 * verity.BLOCK :][: verity.BLOCK]
    assert hashlib.sha256(top).hexdigest() == sealed.hash
    assert (tmp_path / "a").stat().st_size == (201 + 3) * verity.BLOCK


@pytest.mark.skipif(shutil.which("unsquashfs") is None, reason="needs unsquashfs (package squashfs-tools)")
def test_the_root_is_root_s_and_nobody_else_may_write_to_it(tmp_path: Path) -> None:
    tree = tmp_path / "tree.tar"
    tarfile.open(tree, "w").close()
    root = squash.Root(folders=("proc",), keep={}, links={}, applets=())
    made = tmp_path / "made"
    made.write_bytes(squash.image(tree, root, tmp_path / "nothing", 1_000_000_000))
    command = ["unsquashfs", "-quiet", "-lln", str(made)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[:2] for line in listed if line] == [["drwxr-xr-x", "0/0"]] * 2


def test_the_guest_s_own_parts_are_well_formed() -> None:
    parts = guest.read_parts(FOLDER)
    assert {*parts.root.keep} <= {*load("guest").packages}


def test_a_wrong_part_is_named(tmp_path: Path) -> None:
    (tmp_path / guest.PARTS).write_text("kernel: {package: x, options: {PVH: yes}}\nroot: {}\n")
    with pytest.raises(ImageError, match=r"kernel\.options\.PVH"):
        guest.read_parts(tmp_path)


MACHINES = {path.name: path for path in (FOLDER / "machines").glob("*.json")}
DOCUMENTED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("monitors.json").read_text())


@pytest.mark.parametrize("name", ["firecracker.json", "cloud-hypervisor.json"])
def test_a_description_has_only_documented_fields(name: str) -> None:
    described = json.loads(guest.described(MACHINES[name], LINE))
    assert [*wrong(described, DOCUMENTED[name], name)] == []
    assert LINE in json.dumps(described)


def wrong(value: Any, rule: Any, where: str) -> list[str]:
    """What is not as `rule` says: a type's name, [rule of members], or fields (`name!`: required)."""
    if isinstance(rule, list):
        return [each for at, member in enumerate(value) for each in wrong(member, rule[0], f"{where}[{at}]")]
    if isinstance(rule, str):
        kinds = {"string": str, "integer": int, "boolean": bool, "object": dict}
        return [] if type(value) is kinds[rule] else [f"{where}: {value!r} is no {rule}"]
    known = {name.rstrip("!"): inner for name, inner in rule.items()}
    found = [f"{where}.{name}: missing" for name in rule if name.endswith("!") and name[:-1] not in value]
    found += [f"{where}.{name}: not documented" for name in value if name not in known]
    return found + [
        each for name in value if name in known for each in wrong(value[name], known[name], f"{where}.{name}")
    ]


@pytest.mark.parametrize("name", ["qemu-microvm.json", "qemu-q35.json"])
def test_a_description_for_qemu_leaves_open_what_a_run_decides(name: str) -> None:
    described = json.loads(guest.described(MACHINES[name], LINE))
    assert any(LINE in word for word in described["boot"])
    assert {*described["memory"]} == {"private", "kept", "resumed"}
    assert any("${run}" in word for word in described["arguments"])


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return agent.build(FOLDER / "agent", tmp_path_factory.mktemp("agent"))
    except ImageError as error:
        if "no fitting Go" in error.problem or "dial tcp" in error.problem:
            pytest.skip(error.problem)
        raise


def test_the_agent_is_the_same_bytes_each_time(program: Path, tmp_path: Path) -> None:
    assert agent.build(FOLDER / "agent", tmp_path).read_bytes() == program.read_bytes()
    assert "golang.org/x/sys" in {each.name for each in agent.modules(program)}


def test_another_release_of_go_builds_the_guest_again(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = guest.inputs(load("guest"), "")
    assert here == (f"go{next(each.version for each in agent.modules(program) if each.name == 'stdlib')}",)
    monkeypatch.setattr(agent, "release", lambda source: "go1.99.0")
    assert guest.inputs(load("guest"), "") != here


def test_the_agent_listens_on_vsock(program: Path) -> None:
    with subprocess.Popen([program], stderr=subprocess.PIPE, text=True) as process:
        try:
            with socket.socket(socket.AF_VSOCK) as host:
                _connect(host, process)
                found = Agent(host)
                assert found.hello(10).version == "1"
                assert found.run(["true"]).exit == 0
        finally:
            process.kill()


def _connect(host: socket.socket, process: subprocess.Popen[str]) -> None:
    """Connect over the loopback; skips where this machine's kernel has none."""
    ends = time.monotonic() + 20
    while True:
        try:
            host.connect((_LOOPBACK, PORT))
        except ConnectionResetError:  # nobody listens yet
            if process.poll() is not None or time.monotonic() > ends:
                pytest.skip(f"vsock cannot be listened on here: {process.communicate()[1]}")
            time.sleep(0.05)
        except OSError as error:
            pytest.skip(f"needs vsock's loopback (kernel module vsock_loopback): {error}")
        else:
            return


def test_a_source_that_does_not_compile_is_named(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module broken\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    with pytest.raises(ImageError, match=r"undefined: missing|no fitting Go"):
        agent.build(tmp_path, tmp_path)


def test_the_agent_s_own_tests_pass() -> None:
    done: subprocess.CompletedProcess[str] = agent.check(FOLDER / "agent")
    assert done.returncode == 0, done.stdout + done.stderr
