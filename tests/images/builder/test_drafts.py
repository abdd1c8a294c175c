"""Folders of builds: what a dead build left is deleted, what a living one uses is not."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from images.builder.drafts import draft, sweep
from images.builder.export import prune
from tests.images.builder.stores import store


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_what_is_in_use_is_not_swept(tmp_path: Path) -> None:
    dead = tmp_path / "bastide-image-code-dead"
    (dead / "tree").mkdir(parents=True)
    with draft("code") as folder:
        (folder / "half").touch()
        assert [*sweep()] == [dead]
        assert [*folder.iterdir()] == [folder / "half"]
    assert [*tmp_path.iterdir()] == []


def test_what_is_not_ours_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "bastide-image-link").symlink_to(tmp_path / "kept")
    (tmp_path / "bastide-image-file").touch()
    assert [*sweep()] == []
    (tmp_path / "bastide-image-theirs").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert [*sweep()] == []
    assert len([*tmp_path.iterdir()]) == 4


def test_a_sweep_before_the_lock_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, swept = fcntl.flock, list[Path]()

    def late(handle: int, how: int) -> None:
        if not swept:
            swept.append(next(tmp_path.iterdir()))
            swept[0].rmdir()
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with draft("code") as folder:
        assert folder.is_dir()
        assert folder != swept[0]


def test_pruning_deletes_drafts_too(tmp_path: Path) -> None:
    whole = store(tmp_path / "store")
    left = [
        tmp_path / "bastide-image-code-dead",
        whole.root / ".draft-catalogue",
        whole.root / "blobs/sha256/.draft-blob",
    ]
    left[0].mkdir()
    for path in left[1:]:
        path.touch()
    assert {*prune(whole)} == {*left}
    assert not [path for path in left if path.exists()]
