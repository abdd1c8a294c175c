"""Trees that are entered, what runs in them, and what fails there."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from images.builder import agent, debian, disk_inside, disk_sign, python, squash
from images.builder.definition import load
from images.builder.disk_assemble import Made
from images.builder.disk_inside import Inside
from images.builder.errors import ROOM, ImageError, failed
from images.builder.work import Work

ARCHIVE = debian.Archive(mirror="http://mirror", components=("main",), epoch=0, releases={})


class _Watching(Inside):
    """Runs nothing; notes each program, and what it could see of the key and where."""

    seen: ClassVar[list[tuple[str, list[str], Path | None]]] = []

    def run(
        self, step: str, *argv: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> str:
        copies = [path.name for path in self.binds["/work"].rglob("*") if path.is_file()]
        self.seen.append((argv[0], copies, self.binds.get("/mnt")))
        return ""


def test_the_key_that_signs_is_never_copied(tmp_path: Path) -> None:
    (own := tmp_path / "own").mkdir()
    (work := tmp_path / "work").mkdir()
    for name in ("db.key", "db.crt"):
        (own / name).write_text("secret")
    _Watching.seen.clear()
    made = Made(raw=work / "disk.raw", partitions={"esp": 1 << 20}, usr_hash="")
    disk_sign.sign(_Watching(tree=tmp_path, epoch=0, binds={"/work": work}), made, work, own)
    assert _Watching.seen == [("mcopy", [], None), ("faketime", [], own), ("mcopy", [], None)]
    assert [*work.iterdir()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_is_laid_on_mnt_is_only_read(tmp_path: Path) -> None:
    tree, own, work = (tmp_path / name for name in ("tree", "own", "work"))
    for folder in (own, work, *(tree / name for name in ("usr", "proc", "sys", "dev", "mnt", "work"))):
        folder.mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    (own / "db.key").write_text("secret")
    inside = Inside(tree=tree, epoch=0, binds={"/usr": Path("/usr"), "/work": work, "/mnt": own})
    assert inside.run("see", "cat", "/mnt/db.key") == "secret"
    with pytest.raises(ImageError, match="Read-only file system"):
        inside.run("alter", "rm", "/mnt/db.key")
    inside.run("write", "touch", "/work/written")
    assert (own / "db.key").read_text() == "secret"
    assert (work / "written").exists()


def test_the_tools_of_another_build_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.settings.TwinSettings.of", lambda _: SimpleNamespace(cache=tmp_path))
    monkeypatch.setattr(disk_inside, "bootstrap", lambda _, __, out, **___: out.mkdir())
    (half := tmp_path / "images-tools" / ".draft-dead").mkdir(parents=True)
    trees: list[Path] = []
    for day in ("a", "b", "a", "c"):
        if trees:
            os.utime(trees[-1], (len(trees), len(trees)))
        trees.append(disk_inside.tools(replace(ARCHIVE, releases={"trixie": day})))
    assert trees[0] == trees[2]
    assert [tree.exists() for tree in trees] == [True, False, True, True]
    assert not half.exists()


def test_a_full_disk_is_named_as_such() -> None:
    told = failed("partitions", "systemd-repart ended with 1", "a\nwrite: No space left on device\n")
    assert "No space left" in told.problem
    assert told.mend == ROOM


def _program(folder: Path, name: str) -> str:
    """A program that finds its disk full."""
    (folder / name).write_text("#!/bin/sh\necho 'write: no space left on device' >&2; exit 1\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


def test_who_finds_the_disk_full_is_told_to_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python, "_UV", Path(_program(tmp_path, "uv")))
    monkeypatch.setattr(agent, "find_go", lambda *_: _program(tmp_path, "go"))
    monkeypatch.setattr(agent, "toolchain_for", lambda *_: "local")
    _program(tmp_path, "sqfstar")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with tarfile.open(tmp_path / "tree.tar", "w"):
        pass
    root = squash.Root(keep={}, folders=(), links={}, applets=())
    for fails in (
        lambda: python.install("gym", tmp_path, Work(folder=tmp_path, archive=ARCHIVE, tell=print)),
        lambda: agent.build(load("guest").folder / "agent", tmp_path),
        lambda: squash.image(tmp_path / "tree.tar", root, tmp_path / "laid", 0),
    ):
        with pytest.raises(ImageError, match="no space left") as told:
            fails()
        assert told.value.mend == ROOM
