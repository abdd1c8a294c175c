"""A picture as PNG. Format: https://www.w3.org/TR/png-3/."""

from __future__ import annotations

import struct
import zlib
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_LEVEL: Final = 3


def encode(width: int, height: int, pixels: bytes) -> bytes:
    """`pixels` are rows from the top, four bytes each: blue, green, red, unused."""
    colours = bytearray(width * height * 3)
    for offset, channel in enumerate((2, 1, 0)):
        colours[offset::3] = pixels[channel::4]
    row = width * 3
    lines = b"".join(b"\0" + colours[start : start + row] for start in range(0, len(colours), row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, _LEVEL)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
