"""An initramfs: a cpio archive in the form `newc`, the same bytes for the same content.

Source: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Final

_END: Final = "TRAILER!!!"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of root's: `mode` with the file type; `device` (major, minor) of a device node."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(name: str) -> Entry:
    return Entry(name=name, mode=stat.S_IFDIR | 0o755)


def file(name: str, content: bytes, mode: int = 0o644) -> Entry:
    return Entry(name=name, mode=stat.S_IFREG | mode, content=content)


def console() -> Entry:
    """The device that the kernel opens as input and output of its first process."""
    return Entry(name="dev/console", mode=stat.S_IFCHR | 0o600, device=(5, 1))


def archive(entries: list[Entry]) -> bytes:
    """The entries in the order given, dated 1970: a folder comes before what is in it."""
    written = [_entry(number, entry) for number, entry in enumerate(entries, start=1)]
    return b"".join([*written, _entry(0, Entry(name=_END, mode=0))])


def _entry(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
