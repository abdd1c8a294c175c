"""The microVM guest under QEMU: it boots, shakes hands, runs a command, and goes on from a snapshot."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from images.builder.errors import ImageError
from images.run import files, qemu
from images.run.qemu import Guest, Machine, Snapshot
from tests.images.conftest import Image

ABSENT = "" if shutil.which("qemu-system-x86_64") else "needs QEMU (package qemu-system-x86)"
pytestmark = [pytest.mark.images("guest"), pytest.mark.skipif(ABSENT != "", reason=ABSENT)]


@pytest.fixture(scope="module")
def found(image: Callable[[str], Image]) -> Image:
    return image("guest")


@pytest.fixture(scope="module")
def laid(found: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return files.lay_out(found.store, found.entry, tmp_path_factory.mktemp("guest") / "files")


@pytest.fixture(scope="module")
def kept(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, Snapshot]]:
    """A guest that was booted as a microvm, given a file and kept."""
    folder = tmp_path_factory.mktemp("kept")
    with qemu.started(Machine(files=laid, name="microvm"), folder / "run", kept=True) as guest:
        guest.agent.put("notes/state", b"before")
        yield guest, guest.keep(folder / "snapshot")


def test_it_boots_as_a_q35_and_runs_a_command(laid: Path, tmp_path: Path) -> None:
    with qemu.started(Machine(files=laid, name="q35"), tmp_path / "run") as guest:
        done = guest.agent.run(["sh", "-c", "cat; id -u; exit 3"], stdin=b"in\n")
        assert (done.exit, done.stdout) == (3, b"in\n65532\n")
        assert len(guest.hello.root.partition(":")[2]) == 64, "its root is not under dm-verity"


def test_the_root_is_read_only_and_the_user_has_no_way_up(laid: Path, tmp_path: Path) -> None:
    with qemu.started(Machine(files=laid, name="microvm"), tmp_path / "run") as guest:
        assert guest.agent.run(["touch", "/usr/bin/x"]).exit != 0
        assert guest.agent.run(["cat", "/proc/1/environ"]).exit != 0
        status = guest.agent.run(["cat", "/proc/self/status"]).stdout.decode()
        assert "CapEff:\t0000000000000000" in status
        ended = guest.agent.run(["sleep", "60"], seconds=0.5)
        assert ended.timed_out
        assert ended.exit == 128 + 9
        left = guest.agent.run(["sh", "-c", "sleep 60 & exit 0"])
        assert left.exit == 0
        assert b"sleep" not in guest.agent.run(["ps"]).stdout
        with pytest.raises(ImageError, match=r"not below /work"):
            guest.agent.get("../etc/passwd")
        with pytest.raises(ImageError, match="no program"):
            guest.agent.run(["nowhere"])


def test_it_goes_on_from_a_snapshot_with_its_state(kept: tuple[Guest, Snapshot], tmp_path: Path) -> None:
    before, snapshot = kept
    with qemu.resumed(snapshot, tmp_path / "run") as guest:
        assert guest.agent.get("notes/state") == b"before"
        assert guest.hello.boot_id == before.hello.boot_id
        clock = float(guest.agent.run(["date", "+%s"]).stdout)
        assert abs(clock - time.time()) < 30, "its clock went on from the snapshot's"


def test_twins_of_one_snapshot_are_independent(kept: tuple[Guest, Snapshot], tmp_path: Path) -> None:
    _, snapshot = kept
    draw = ["head", "-c", "16", "/dev/urandom"]
    with qemu.resumed(snapshot, tmp_path / "a") as one, qemu.resumed(snapshot, tmp_path / "b") as other:
        one.agent.put("notes/state", b"changed")
        assert other.agent.get("notes/state") == b"before"
        assert one.agent.run(draw).stdout != other.agent.run(draw).stdout
    qemu.open_snapshot(snapshot.folder, snapshot.machine.files)  # its bytes are still those that were kept


def test_an_altered_snapshot_is_refused(kept: tuple[Guest, Snapshot], tmp_path: Path) -> None:
    _, snapshot = kept
    copy = Path(shutil.copytree(snapshot.folder, tmp_path / "copy"))
    flip(copy / "state", 100)
    with pytest.raises(ImageError, match="altered: state"):
        qemu.open_snapshot(copy, snapshot.machine.files)


def test_a_snapshot_is_refused_over_another_root(kept: tuple[Guest, Snapshot], tmp_path: Path) -> None:
    _, snapshot = kept
    rebuilt = _with_flipped_root(snapshot.machine.files, tmp_path / "files")
    with pytest.raises(ImageError, match="made of another image"):
        qemu.open_snapshot(snapshot.folder, rebuilt)


@pytest.mark.parametrize("title", ["root.img", "initramfs.cpio"])
def test_a_flipped_byte_is_refused_before_the_start(found: Image, tmp_path: Path, title: str) -> None:
    copy = type(found.store)(
        Path(shutil.copytree(found.store.root, tmp_path / "store", copy_function=_linked))
    )
    broken = copy.path(found.entry.files[title].digest)
    content = broken.read_bytes()
    broken.unlink()
    broken.write_bytes(content)
    flip(broken, len(content) // 2)
    with pytest.raises(ImageError, match=found.entry.files[title].digest):
        files.lay_out(copy, found.entry, tmp_path / "files")


def test_a_flipped_byte_of_the_root_is_refused_by_the_kernel_too(laid: Path, tmp_path: Path) -> None:
    altered = _with_flipped_root(laid, tmp_path / "files")
    started = qemu.started(Machine(files=altered, name="microvm"), tmp_path / "run")
    with pytest.raises(ImageError, match="no answer"), started:
        pass
    assert "the root file system is not the one that was built" in (tmp_path / "run" / "console").read_text()


def _with_flipped_root(laid: Path, into: Path) -> Path:
    altered = Path(shutil.copytree(laid, into, symlinks=True))
    (altered / "root.img").unlink()
    shutil.copyfile(laid / "root.img", altered / "root.img")
    flip(altered / "root.img", 0)
    return altered


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
