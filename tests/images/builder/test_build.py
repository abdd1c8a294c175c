"""Builds: what has not changed is not built again; what was interrupted or failed is picked up by nobody."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.images import verbs
from images.builder import build as module
from images.builder.build import Order, build
from images.builder.catalogue import Catalogue
from images.builder.debian import Archive
from images.builder.definition import Definition, resolve
from images.builder.errors import ImageError
from images.builder.export import export, prune
from images.builder.layout import Layout
from images.builder.packages import Package
from images.builder.verify import differences
from images.builder.work import Artifact, Work
from tests.images.builder.stores import PASSPHRASE, keys

ROOT = Path(__file__).parents[3]
ARCHIVE = Archive(mirror="http://mirror", components=("main",), epoch=1_000_000_000, releases={"s": "0" * 64})
ORDER = Order(archive=ARCHIVE, tell=lambda text: None)


def defined(folder: Path, content: str = "one") -> Definition:
    folder.mkdir(exist_ok=True)
    (folder / "content").write_text(content)
    return Definition(name="mine", title="Mine", kind="guest", folder=folder)


def made(definition: Definition, variant: str, work: Work) -> Artifact:
    """A builder that needs nothing."""
    disk = work.folder / "disk.raw"
    disk.write_bytes(bytes(1 << 21) + (definition.folder / "content").read_bytes())
    packages = (Package(kind="npm", name="left", version="1.3.0"),)
    return Artifact(files={"disk.raw": disk}, config={"a": 1}, packages=packages)


Building = Callable[[Definition, str, Work], Artifact]


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Building], None]:
    """Sets what builds; `made` unless a test says otherwise. Drafts are in the test's folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def use(other: Building) -> None:
        monkeypatch.setattr(module, "_builder", lambda kind: SimpleNamespace(build=other))

    use(made)
    return use


@pytest.mark.usefixtures("builder")
def test_what_has_not_changed_is_not_built_again(tmp_path: Path) -> None:
    store, mine = Layout(tmp_path / "store"), defined(tmp_path / "mine")
    ((name, first, new),) = build(mine, store, ORDER)
    ((_, again, renewed),) = build(mine, store, ORDER)
    assert (name, new, renewed) == ("mine", True, False)
    assert again == first
    (changed,) = build(defined(tmp_path / "mine", "two"), store, ORDER)
    assert changed[2]
    assert changed[1].files["disk.raw"].digest != first.files["disk.raw"].digest
    assert [*differences(store.root, Catalogue.read(store.root))] == []


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize("what", ["manifest", "sbom", "provenance", "file", "name"])
def test_an_image_that_is_not_whole_is_built_again(tmp_path: Path, what: str) -> None:
    store, mine = Layout(tmp_path / "store"), defined(tmp_path / "mine")
    ((_, entry, _),) = build(mine, store, ORDER)
    lost = {"manifest": entry.digest, "sbom": entry.sbom, "provenance": entry.provenance}
    lost["file"] = entry.files["disk.raw"].digest
    (store.path(lost[what]) if what in lost else store.root / "index.json").unlink()
    ((_, again, new),) = build(mine, store, ORDER)
    assert (again, new) == (entry, True)
    assert [*differences(store.root, Catalogue.read(store.root))] == []


@pytest.mark.usefixtures("builder")
def test_a_flipped_byte_is_mended_as_the_refusal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, mine = Layout(tmp_path / "store"), defined(tmp_path / "mine")
    ((_, entry, _),) = build(mine, store, ORDER)
    with store.path(entry.files["disk.raw"].digest).open("r+b") as file:
        file.write(b"x")
    with pytest.raises(ImageError, match="it was altered") as caught:
        verbs.sign(store, keys(store.root).private, None)
    assert "--again" in caught.value.mend
    [*build(mine, store, dataclasses.replace(ORDER, again=True))]
    monkeypatch.setenv("COSIGN_PASSWORD", PASSPHRASE.decode())
    assert verbs.sign(store, keys(store.root).private, None).is_file()


def test_a_package_from_nowhere_is_refused_unless_a_maker_brings_it(
    tmp_path: Path, builder: Callable[[Building], None]
) -> None:
    strange = Package(kind="deb", name="libc6", version="1", architecture="amd64", distro="debian-13")
    store, mine = Layout(tmp_path / "store"), defined(tmp_path / "mine")
    builder(lambda *given: dataclasses.replace(made(*given), packages=(strange,)))
    with pytest.raises(ImageError, match=r"lists do not have: pkg:deb/debian/libc6@1"):
        [*build(mine, store, ORDER)]
    assert not Catalogue.read(store.root).images
    builder(lambda *given: dataclasses.replace(made(*given), packages=(strange,), makers=True))
    assert [*build(mine, store, ORDER)]


@pytest.mark.usefixtures("builder")
def test_two_builds_agree_on_every_byte(tmp_path: Path) -> None:
    mine = defined(tmp_path / "mine")
    entries = [next(build(mine, Layout(tmp_path / place), ORDER))[1] for place in ("a", "b")]
    assert entries[0] == entries[1]


@pytest.mark.usefixtures("builder")
def test_zeros_of_a_disk_take_no_room(tmp_path: Path) -> None:
    store = Layout(tmp_path / "store")
    ((_, entry, _),) = build(defined(tmp_path / "mine"), store, ORDER)
    kept = store.path(entry.files["disk.raw"].digest).stat()
    assert kept.st_size > 1 << 21
    assert kept.st_blocks * 512 < 1 << 20


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, builder: Callable[[Building], None]) -> None:
    def full(definition: Definition, variant: str, work: Work) -> Artifact:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    builder(full)
    store = Layout(tmp_path / "store")
    with pytest.raises(ImageError, match="No space left") as caught:
        [*build(defined(tmp_path / "mine"), store, ORDER)]
    assert "TMPDIR" in caught.value.mend
    assert not Catalogue.read(store.root).images
    assert not [*tmp_path.glob("bastide-image-*")]


@pytest.mark.usefixtures("builder")
def test_a_store_that_is_full_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Layout(tmp_path / "store")
    ((_, first, _),) = build(defined(tmp_path / "mine"), store, ORDER)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("images.builder.layout.os.fsync", full)
    with pytest.raises(ImageError, match="No space left"):
        [*build(defined(tmp_path / "mine", "two"), store, ORDER)]
    assert Catalogue.read(store.root).images == {"mine": first}
    assert not [*store.root.rglob(".draft-*")]


KILLED = """
import sys, time
sys.path[:0] = ["."]
from pathlib import Path
from images.builder.layout import Layout
from tests.images.builder import test_build as tests

def slow(definition, variant, work):
    (work.folder / "half").write_bytes(b"half")
    store.add_bytes(b"a blob of an image that never was", "x")
    store.path("sha256:" + "0" * 64).with_name(".draft-x").write_bytes(b"half")
    print("begun", flush=True)
    time.sleep(60)

store = Layout(Path(sys.argv[1]) / "store")
tests.module._builder = lambda kind: tests.SimpleNamespace(build=slow)
[*tests.build(tests.defined(Path(sys.argv[1]) / "mine"), store, tests.ORDER)]
"""


@pytest.mark.fault
@pytest.mark.usefixtures("builder")
def test_a_build_that_was_killed_is_picked_up_by_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)
    store = Layout(tmp_path / "store")
    assert not Catalogue.read(store.root).images
    assert store.names() == {}
    half = [*tmp_path.glob("bastide-image-*"), *store.root.rglob(".draft-*")]
    assert len(half) == 2
    began = time.monotonic()
    ((_, entry, new),) = build(defined(tmp_path / "mine"), store, ORDER)
    assert new
    assert time.monotonic() - began < 60, "the lock of the dead held"
    assert not [path for path in half if path.exists()]
    assert len([*prune(store)]) == 1
    assert [*differences(store.root, Catalogue.read(store.root))] == []
    assert Catalogue.read(store.root).images == {"mine": entry}


@pytest.mark.usefixtures("builder")
def test_what_is_exported_was_compared(tmp_path: Path) -> None:
    store = Layout(tmp_path / "store")
    ((name, entry, _),) = build(defined(tmp_path / "mine"), store, ORDER)
    paths = export(store, name, entry, tmp_path / "out")
    assert {path.name for path in paths} == {"mine.disk.raw", "mine.spdx.json", "mine.provenance.json"}
    assert paths[0].read_bytes().endswith(b"one")
    with store.path(entry.files["disk.raw"].digest).open("r+b") as file:
        file.write(b"x")
    with pytest.raises(ImageError, match="altered"):
        export(store, name, entry, tmp_path / "again")
    assert not (tmp_path / "again/mine.disk.raw").exists()


def test_a_kind_is_decided_by_its_own_modules_and_data() -> None:
    names = {
        kind: {path.name for path in module.modules(f"images.builder.{kind}")}
        for kind in ("container", "disk", "guest")
    }
    assert {"container.py", "slim.py", "layer.py", "debian.py", "python.py"} <= names["container"]
    assert {"disk.py", "disk_roles.py", "disk_tidy.sh", "kernel.py"} <= names["disk"]
    assert {"guest.py", "kernel.py", "squash.py"} <= names["guest"]
    assert "licences.yaml" in {path.name for path in module.PAPERS}
    assert "slim.py" not in names["disk"] | names["guest"]
    assert "verify.py" not in names["container"]


def test_an_image_may_be_named_with_its_variant() -> None:
    disk, variants = resolve("node-generic")
    assert (disk.name, variants) == ("node", ("generic",))
    assert resolve("node")[1] == ()
    with pytest.raises(ImageError, match="no image node-blue"):
        resolve("node-blue")
