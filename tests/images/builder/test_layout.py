"""The store's files: written whole or not at all, and mended where they were altered."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from images.builder.catalogue import Catalogue
from images.builder.errors import ImageError
from images.builder.layout import Layout, replace
from images.builder.verify import differences
from tests.images.builder.stores import put, store


def _full(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_written_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(
        "images.builder.layout.os.write", lambda file, content: write(file, content[: len(content) // 2 + 1])
    )
    replace(tmp_path / "file", b"catalogue" * 99)
    assert (tmp_path / "file").read_bytes() == b"catalogue" * 99


@pytest.mark.fault
@pytest.mark.parametrize("call", ["os.write", "tempfile.mkstemp"])
def test_a_full_store_is_named_and_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(f"images.builder.layout.{call}", _full)
    with pytest.raises(ImageError, match="No space left") as caught:
        replace(tmp_path / "file", b"new")
    assert str(tmp_path / "file") in caught.value.problem
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.fault
def test_a_store_for_which_there_is_no_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", _full)
    with pytest.raises(ImageError, match="store/blobs/sha256: cannot be written"):
        Layout(tmp_path / "store").create()


def test_what_was_altered_is_written_again(tmp_path: Path) -> None:
    whole = store(tmp_path / "store")
    for path in whole.path(Catalogue.read(whole.root).images["code"].digest).parent.iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    put(whole, "code", "container", {"layer": b"the layer " * 20})
    put(whole, "node-generic", "disk", {"disk.qcow2": b"QFI" * 100, "disk.raw": bytes(4096)})
    assert [*differences(whole.root, Catalogue.read(whole.root))] == []
