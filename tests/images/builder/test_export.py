"""Files that leave a store: named after the image once, and whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from images.builder.errors import ImageError
from images.builder.export import export
from images.builder.layout import Layout
from tests.images.builder.stores import put


def test_a_file_has_the_images_name_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "store")
    layout.create()
    entry = put(layout, "node-generic", "disk", {"node-generic.raw": b"disk", "vmlinuz": b"kernel"})
    written = export(layout, "node-generic", entry, tmp_path / "out")
    assert {path.name for path in written} == {
        "node-generic.raw",
        "node-generic.vmlinuz",
        "node-generic.spdx.json",
        "node-generic.provenance.json",
    }
    assert (tmp_path / "out" / "node-generic.raw").read_bytes() == b"disk"


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.fault
@pytest.mark.parametrize("call", ["layout.os.fsync", "export.shutil.copyfileobj", "layout.tempfile.mkstemp"])
@pytest.mark.parametrize("kind", ["container", "disk"])
def test_a_full_disk_is_named_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, call: str
) -> None:
    layout = Layout(tmp_path / "store")
    layout.create()
    entry = put(layout, "mine", kind, {"layer": b"content"})
    monkeypatch.setattr(f"images.builder.{call}", _full)
    with pytest.raises(ImageError, match=r"out/mine.* cannot be written: .*No space left") as caught:
        export(layout, "mine", entry, tmp_path / "out")
    assert "make room there" in caught.value.mend
    assert not [*(tmp_path / "out").iterdir()]


@pytest.mark.fault
def test_an_archive_for_which_there_is_no_room_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "store")
    layout.create()
    entry = put(layout, "mine", "container", {"layer": b"content"})
    monkeypatch.setattr("tarfile.TarFile.addfile", _full)
    with pytest.raises(ImageError, match=r"out/mine\.tar: cannot be written: .*No space left"):
        export(layout, "mine", entry, tmp_path / "out")
    assert not [*(tmp_path / "out").glob(".draft-*")]


@pytest.mark.fault
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "store")
    layout.create()
    entry = put(layout, "mine", "disk", {"disk.raw": b"content"})
    (tmp_path / "out").touch()
    with pytest.raises(ImageError, match="out: cannot be written"):
        export(layout, "mine", entry, tmp_path / "out")
