"""Snapshots, with a stand-in for QEMU: what they are tied to, and who may read them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from images.builder.errors import ImageError
from images.run import qemu
from images.run.qemu import Machine, Snapshot

STAND_IN = f"""#!{sys.executable}
import json, socket, sys, threading
if sys.argv[1] == "--version":
    sys.exit(print("QEMU of the tests"))
run, _, memory = sys.argv[1:4]
open(memory, "w").write("secret")
HELLO = {{"version": "1", "kernel": "6", "boot_ms": 5, "boot_id": "b", "image": "i", "root": "r"}}


def serve(name, first, answer):
    server = socket.socket(socket.AF_UNIX)
    server.bind(run + "/" + name)
    server.listen()
    while True:
        host, _ = server.accept()
        host.sendall(first)
        while line := host.recv(65536):
            host.sendall(json.dumps(answer(json.loads(line))).encode() + b"\\n")


def greet(asked):
    return {{"id": asked["id"], "ok": True, "unix": 1.5, **HELLO}}


threading.Thread(target=serve, args=("agent", b"", greet)).start()
serve("qmp", b"{{}}\\n", lambda asked: {{"return": {{"status": "completed"}}}})
"""
DESCRIPTION = {
    "program": "qemu-system-x86_64",
    "arguments": ["${run}", "format=raw,readonly=on,file=${files}/root.img"],
    "memory": {"kept": ["${memory}"], "resumed": ["${memory}"]},
    "accelerators": {"tcg": []},
    "boot": ["-kernel", "${files}/vmlinux"],
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine of an image whose QEMU is the stand-in."""
    program = tmp_path / "bin" / "qemu-system-x86_64"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    files = tmp_path / "files"
    files.mkdir()
    (files / "root.img").write_bytes(b"the root")
    (files / "qemu-m.json").write_text(json.dumps(DESCRIPTION))
    return Machine(files=files, name="m")


@pytest.fixture
def snapshot(machine: Machine, tmp_path: Path) -> Snapshot:
    with qemu.started(machine, tmp_path / "run", kept=True) as guest:
        return guest.keep(tmp_path / "snapshot")


def test_a_snapshot_is_opened_with_its_image_wherever_that_lies(snapshot: Snapshot, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(snapshot.machine.files, tmp_path / "moved"))
    opened = qemu.open_snapshot(snapshot.folder, moved)
    assert opened.machine == Machine(files=moved, name="m")
    assert opened.memory.read_text() == "secret"


@pytest.mark.parametrize("title", ["root.img", "qemu-m.json"])
def test_a_snapshot_is_refused_over_another_image(snapshot: Snapshot, tmp_path: Path, title: str) -> None:
    rebuilt = Path(shutil.copytree(snapshot.machine.files, tmp_path / "rebuilt"))
    with (rebuilt / title).open("a") as changed:
        changed.write("\n")
    with pytest.raises(ImageError, match="made of another image") as refused:
        qemu.open_snapshot(snapshot.folder, rebuilt)
    assert "make the snapshot again of this one" in refused.value.mend


def test_a_snapshot_that_says_nothing_of_its_image_is_refused(snapshot: Snapshot) -> None:
    path = snapshot.folder / "snapshot.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in about.items() if key != "image"}))
    with pytest.raises(ImageError, match="made of another image"):
        qemu.open_snapshot(snapshot.folder, snapshot.machine.files)


def test_a_root_that_is_not_there_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(snapshot.machine.files, tmp_path / "bare"))
    (bare / "root.img").unlink()
    with pytest.raises(ImageError, match=r"root\.img"):
        qemu.open_snapshot(snapshot.folder, bare)


def test_only_the_owner_looks_into_snapshots_and_runs(snapshot: Snapshot, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert [folder.stat().st_mode & 0o777 for folder in (run, snapshot.folder)] == [0o700, 0o700]
    with qemu.resumed(snapshot, tmp_path / "resumed") as guest:
        assert guest.folder.stat().st_mode & 0o777 == 0o700
