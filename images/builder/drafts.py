"""Folders of builds, each locked while a build uses it: what a killed one left is found and deleted."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from images.builder.errors import ROOM, ImageError

_PREFIX: Final = "bastide-image-"


@contextmanager
def draft(name: str) -> Iterator[Path]:
    """A folder in TMPDIR, gone afterwards. What the system refuses there is an `ImageError`."""
    try:
        handle, folder = _locked(name)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
    except OSError as error:
        where = error.filename or tempfile.gettempdir()
        raise ImageError(f"{name}: {where}: {error.strerror or error}", ROOM) from error


def sweep() -> Iterator[Path]:
    """Delete this user's folders in TMPDIR that no build uses any more; their paths."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        with suppress(OSError):
            handle = _opened(folder)
            try:
                if os.fstat(handle).st_uid == os.geteuid():
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                    if not folder.exists():
                        yield folder
            finally:
                os.close(handle)


def _locked(name: str) -> tuple[int, Path]:
    """A new folder and the lock on it; another one where a sweep came before the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{name}-"))
        with suppress(FileNotFoundError):
            handle = _opened(folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.exists():
                return handle, folder
            os.close(handle)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
