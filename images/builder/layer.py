"""A compressed layer whose bytes depend on its content alone: order, owners and times are given."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
from pathlib import Path
from types import TracebackType
from typing import IO

_LEVEL = 6
_CACHES = ("__pycache__",)


class _Hashed(io.RawIOBase):
    """Passes bytes on and remembers their digest."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out, self.digest = out, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.digest.update(content)
        return self.out.write(content)


class LayerWriter:
    """Writes a layer to `path`; `digest` (of the bytes before compression) is known once it is closed.

    Nothing is newer than `epoch`, and nothing has set-user or set-group bits.
    """

    def __init__(self, path: Path, epoch: int) -> None:
        self.path, self.epoch = path, epoch
        self.size = 0
        self.digest = ""
        self._known: set[str] = set()

    def __enter__(self) -> LayerWriter:
        self._file = self.path.open("wb")
        self._gzip = gzip.GzipFile("", "wb", _LEVEL, self._file, mtime=0)
        self._hashed = _Hashed(self._gzip)  # type: ignore[arg-type]
        self._tar = tarfile.open(fileobj=self._hashed, mode="w|", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tar.close()
        self._gzip.close()
        self._file.close()
        self.digest = f"sha256:{self._hashed.digest.hexdigest()}"

    def add(self, entry: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Add a member as it is, but for times, names of owners, and set-user bits."""
        entry.name = entry.name.lstrip("./") or "."
        entry.mtime = min(int(entry.mtime), self.epoch)
        entry.uname = entry.gname = ""
        entry.mode &= 0o1777
        entry.pax_headers = {key: value for key, value in entry.pax_headers.items() if "xattr" in key}
        if entry.name in self._known and entry.isdir():
            return
        self._known.add(entry.name)
        self._tar.addfile(entry, content)
        self.size += entry.size

    def folder(self, path: str, owner: int = 0, mode: int = 0o755) -> None:
        """Add a folder and those above it."""
        parts = Path(path.lstrip("/")).parts
        for depth in range(1, len(parts) + 1):
            entry = tarfile.TarInfo("/".join(parts[:depth]))
            last = depth == len(parts)
            entry.type, entry.mtime = tarfile.DIRTYPE, self.epoch
            entry.mode, entry.uid, entry.gid = (mode, owner, owner) if last else (0o755, 0, 0)
            self.add(entry)

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file of root."""
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode, entry.mtime = len(content), mode, self.epoch
        self.add(entry, io.BytesIO(content))

    def tree(self, source: Path, place: str) -> None:
        """Lay a folder's content over `place`: files of root, executable where they are."""
        self.folder(place)
        for path in sorted(source.rglob("*")):
            if any(part in _CACHES for part in path.parts):
                continue
            name = f"{place.strip('/')}/{path.relative_to(source)}".lstrip("/")
            if path.is_symlink():
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, str(path.readlink()), self.epoch
                self.add(entry)
            elif path.is_dir():
                self.folder(name)
            else:
                executable = path.stat().st_mode & stat.S_IXUSR
                self.file(name, path.read_bytes(), 0o755 if executable else 0o644)
