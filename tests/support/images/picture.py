"""PNG pictures, read without a library: eight bits a channel, RGB or RGBA, not interlaced.

Format: https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_CHANNELS = {2: 3, 6: 4}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Rows of pixels, from the top."""

    width: int
    height: int
    channels: int
    rows: tuple[bytes, ...]

    def at(self, x: int, y: int) -> tuple[int, int, int]:
        """Red, green and blue of a pixel."""
        red, green, blue = self.rows[y][x * self.channels : x * self.channels + 3]
        return red, green, blue

    @classmethod
    def read(cls, content: bytes) -> Picture:
        """The picture in a file."""
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        chunks = [*_chunks(content)]
        width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
        assert (depth, interlaced) == (8, 0)
        packed = b"".join(part for name, part in chunks if name == b"IDAT")
        rows = tuple(_rows(zlib.decompress(packed), width * _CHANNELS[kind], _CHANNELS[kind]))
        assert len(rows) == height
        return cls(width=width, height=height, channels=_CHANNELS[kind], rows=rows)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += length + 12


def _rows(content: bytes, length: int, step: int) -> Iterator[bytes]:
    above = bytes(length)
    for start in range(0, len(content), length + 1):
        above = _unfiltered(content[start], bytearray(content[start + 1 : start + 1 + length]), above, step)
        yield above


def _unfiltered(kind: int, row: bytearray, above: bytes, step: int) -> bytes:
    if kind == 0:
        return bytes(row)
    for at in range(len(row)):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[kind]
        row[at] = (row[at] + guess) & 0xFF
    return bytes(row)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
