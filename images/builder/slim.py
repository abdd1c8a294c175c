"""A root file system without what a container has no use for: files of packages, and what globs name."""

from __future__ import annotations

import fnmatch
import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images.builder.layer import LayerWriter

_LIST = re.compile(r"^var/lib/dpkg/info/(?P<package>[^:/]+)(:[a-z0-9]+)?\.list$")
_STATUS = "var/lib/dpkg/status"
_PACKAGE = re.compile(rb"^Package: (.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Keep:
    """What is left out: the files of the packages `without`, and what `globs` match (from the root)."""

    without: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()


def copy(archive: Path, keep: Keep, replaced: Mapping[str, bytes], out: LayerWriter) -> None:
    """Copy what is kept of a tar archive; `replaced` gives other content to files by their path."""
    gone = _gone(archive, keep.without)
    globs = re.compile("|".join(f"(?:{fnmatch.translate(glob)})" for glob in keep.globs) or r"\Z.")
    with tarfile.open(archive, "r:") as tree:
        for entry in tree:
            name = _name(entry)
            if entry.isdev() or globs.match(name) or (name in gone and not entry.isdir()):
                continue
            content = tree.extractfile(entry) if entry.isreg() else None
            if name in replaced:
                content = _resized(entry, replaced[name])
            elif name == _STATUS and content:
                content = _resized(entry, _without(content.read(), keep.without))
            out.add(entry, content)


def _gone(archive: Path, packages: tuple[str, ...]) -> set[str]:
    """The files that belong to `packages` and to no other; with /usr merged, /bin/sh is /usr/bin/sh."""
    gone: set[str] = set()
    staying: set[str] = set()
    with tarfile.open(archive, "r:") as tree:
        for entry in tree:
            if (found := _LIST.match(_name(entry))) and (content := tree.extractfile(entry)):
                paths = {_merged(line.strip("/")) for line in content.read().decode().splitlines()}
                (gone if found["package"] in packages else staying).update(paths)
    return gone - staying


def _name(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./").strip("/")


def _merged(path: str) -> str:
    top = path.split("/", 1)[0]
    return f"usr/{path}" if top in ("bin", "sbin", "lib", "lib64") else path


def _resized(entry: tarfile.TarInfo, content: bytes) -> io.BytesIO:
    entry.size = len(content)
    return io.BytesIO(content)


def _without(status: bytes, packages: tuple[str, ...]) -> bytes:
    """dpkg's status without some packages: what scanners read is what is there."""
    stanzas = status.strip().split(b"\n\n")
    named = [(found[1].decode() if (found := _PACKAGE.search(each)) else "", each) for each in stanzas]
    return b"\n\n".join(each for name, each in named if name not in packages) + b"\n"
