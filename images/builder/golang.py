"""The modules that a program of Go was linked from, as the linker wrote them into it.

Source: https://github.com/golang/go/blob/master/src/debug/buildinfo/buildinfo.go (the form since Go 1.18)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

ELF: Final = b"\x7fELF"
_MAGIC: Final = b"\xff Go buildinf:"
_ALIGNED: Final = 16
_HEADER: Final = 32
_INLINE: Final = 2
_SENTINEL: Final = 16
_LONGEST: Final = 5
"""Bytes of a length: what 32 bits need."""


def modules(program: bytes) -> dict[str, str]:
    """Versions by module, Go's library as `stdlib`; empty for what is no program of Go."""
    start = program.find(_MAGIC)
    while start >= 0:
        flags = program[start + len(_MAGIC) + 1 : start + len(_MAGIC) + 2]
        if start % _ALIGNED == 0 and flags and flags[0] & _INLINE:
            version, rest = _text(program, start + _HEADER)
            listed, _ = _text(program, rest)
            return dict(_listed(version, listed)) if version else {}
        start = program.find(_MAGIC, start + 1)
    return {}


def _text(program: bytes, at: int) -> tuple[bytes, int]:
    """The bytes at a place that begins with their number (a varint), and the place behind them.

    Empty where the program ends before they do.
    """
    length = 0
    for shift, byte in enumerate(program[at : at + _LONGEST]):
        length |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            start = at + shift + 1
            found = program[start : start + length]
            return (found, start + length) if len(found) == length else (b"", start)
    return b"", at


def _listed(version: bytes, listed: bytes) -> Iterator[tuple[str, str]]:
    yield "stdlib", version.decode(errors="replace").partition(" ")[0].removeprefix("go")
    found: dict[str, str] = {}
    last = ""
    for line in listed[_SENTINEL:-_SENTINEL].decode(errors="replace").splitlines():
        word, *fields = line.split("\t")
        if word in ("mod", "dep") and len(fields) > 1:
            last = fields[0]
            found[last] = fields[1]
        elif word == "=>" and len(fields) > 1:
            found.pop(last, None)
            found[fields[0]] = fields[1]
    yield from found.items()
