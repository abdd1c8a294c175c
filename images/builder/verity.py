"""The hash tree of dm-verity, behind the data in one file, without a superblock.

One root hash, given to the kernel, vouches for each block as it is read. SHA-256, blocks of 4096 bytes, no
salt.
Source: https://docs.kernel.org/admin-guide/device-mapper/verity.html
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK: Final = 4096


@dataclass(frozen=True, kw_only=True)
class Root:
    """What the kernel must be told: the number of data blocks, and the root hash in hex."""

    blocks: int
    hash: str

    def __str__(self) -> str:
        return f"{self.blocks}:{self.hash}"


def seal(data: bytes, out: Path) -> Root:
    """Write `data`, filled up to whole blocks, and its hash tree to `out`."""
    data += bytes(-len(data) % BLOCK)
    levels = [_level(data)]
    while len(levels[-1]) > BLOCK:
        levels.append(_level(levels[-1]))
    with out.open("wb") as file:
        file.write(data)
        file.writelines(reversed(levels))
    return Root(blocks=len(data) // BLOCK, hash=hashlib.sha256(levels[-1]).hexdigest())


def _level(below: bytes) -> bytes:
    """The digests of the blocks below, filled up to whole blocks."""
    found = (hashlib.sha256(below[at : at + BLOCK]).digest() for at in range(0, len(below), BLOCK))
    level = b"".join(found)
    return level + bytes(-len(level) % BLOCK)
