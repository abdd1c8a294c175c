"""Writing files whole: a reader, or a crash, never sees half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def write(path: Path, content: str | bytes, mode: int = PRIVATE) -> None:
    """Replace `path` by `content` in one step; it never exists with a wider mode than `mode`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        draft.chmod(mode)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_if_changed(path: Path, content: str, mode: int = PRIVATE) -> None:
    """`write`, unless `path` says so already: a reader that watches the file is not woken."""
    if not path.is_file() or path.read_text() != content:
        write(path, content, mode)


def private_folder(path: Path) -> Path:
    """Make `path`, readable by its owner alone."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path
