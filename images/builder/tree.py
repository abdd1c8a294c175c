"""A root file system to look into, whether it is a tar archive or a folder.

Paths are without a leading slash.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol


class Tree(Protocol):
    """`files` are paths of regular files with their modes, `links` targets by symbolic link."""

    files: dict[str, int]
    links: dict[str, str]

    def read(self, path: str, most: int = -1) -> bytes:
        """The content of a file of `files`, or its first `most` bytes."""


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        self.links: dict[str, str] = {}
        for member in archive:
            name = str(PurePosixPath("/", member.name))[1:]
            if member.issym():
                self.links[name] = member.linkname
            elif member.isreg() or member.islnk():
                self._members[name] = member
        self.files = {name: member.mode for name, member in self._members.items()}

    def read(self, path: str, most: int = -1) -> bytes:
        file = self._archive.extractfile(self._members[path])
        return file.read(most) if file else b""


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.files: dict[str, int] = {}
        self.links: dict[str, str] = {}
        for folder, folders, files in os.walk(root):
            for path in (Path(folder) / name for name in (*folders, *files)):
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    self.links[str(path.relative_to(root))] = str(path.readlink())
                elif stat.S_ISREG(mode):
                    self.files[str(path.relative_to(root))] = stat.S_IMODE(mode)

    def read(self, path: str, most: int = -1) -> bytes:
        with (self._root / path).open("rb") as file:
            return file.read(most)


@contextmanager
def opened(root: Path) -> Iterator[Tree]:
    """The tree in a tar archive or a folder, for as long as it is looked into."""
    if root.is_dir():
        yield _Folder(root)
    else:
        with tarfile.open(root) as archive:
            yield _Tar(archive)
