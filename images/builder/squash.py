"""A small read-only root: what is kept of unpacked packages, as a squashfs; same input, same bytes."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from images.builder.errors import ImageError, failed
from images.builder.reading import Model
from images.builder.tree import opened

_PACKING: Final = ("-comp", "zstd", "-b", "128K", "-no-xattrs", "-quiet", "-no-progress", "-processors", "1")
_OWNED: Final = ("-all-root", "-root-uid", "0", "-root-gid", "0", "-root-mode", "0755")
"""The folder `/` too, which is in no archive: else it is everybody's, and the builder's."""
_BUSYBOX: Final = "busybox"


class Root(Model):
    """What is in the root: files by package, empty folders, links by path, and busybox's programs."""

    keep: dict[str, tuple[str, ...]]
    folders: tuple[str, ...]
    links: dict[str, str]
    applets: tuple[str, ...]


def image(tree: Path, root: Root, laid: Path, epoch: int) -> bytes:
    """The file system of what `root` keeps of the archive `tree`, with the files of the folder `laid`.

    All is root's and dated `epoch`. Raises `ImageError` for a file that is kept and not there.
    """
    if shutil.which("sqfstar") is None:
        raise ImageError("sqfstar is not installed: it packs the root", "install the package squashfs-tools")
    out = tree.with_suffix(".squashfs")
    dated = ("-mkfs-time", str(epoch), "-all-time", str(epoch))
    command = ["sqfstar", *_PACKING, *_OWNED, *dated, str(out)]
    done = subprocess.run(command, input=_tar(tree, root, laid, epoch), capture_output=True, check=False)
    if done.returncode != 0:
        raise failed("root", f"sqfstar ended with {done.returncode}", done.stderr.decode(errors="replace"))
    return out.read_bytes()


def _tar(tree: Path, root: Root, laid: Path, epoch: int) -> bytes:
    entries = {name: _entry(name, tarfile.DIRTYPE, 0o755) for name in root.folders}
    contents: dict[str, bytes] = {}
    with opened(tree) as unpacked:
        for package, paths in root.keep.items():
            for path in paths:
                if path not in unpacked.files:
                    raise ImageError(
                        f"root: package {package} has no {path}", "correct `root.keep` of guest.yaml"
                    )
                contents[path] = unpacked.read(path)
                entries[path] = _entry(path, tarfile.REGTYPE, unpacked.files[path])
    for file in filter(Path.is_file, laid.rglob("*")):
        name = str(file.relative_to(laid))
        contents[name] = file.read_bytes()
        entries[name] = _entry(name, tarfile.REGTYPE, 0o644)
    links = {**root.links, **{f"usr/bin/{applet}": _BUSYBOX for applet in root.applets}}
    entries |= {name: _entry(name, tarfile.SYMTYPE, 0o777, target) for name, target in links.items()}
    for name in [*entries]:
        for parent in map(str, [*Path(name).parents][:-1]):
            entries.setdefault(parent, _entry(parent, tarfile.DIRTYPE, 0o755))
    return _written(entries, contents, epoch)


def _entry(name: str, kind: bytes, mode: int, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname = kind, mode, target
    return entry


def _written(entries: dict[str, tarfile.TarInfo], contents: dict[str, bytes], epoch: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, entry in sorted(entries.items()):
            content = contents.get(name, b"")
            entry.size, entry.mtime = len(content), epoch
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
