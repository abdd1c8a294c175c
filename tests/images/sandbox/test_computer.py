"""Keys by name and by character, and PNG, without a display."""

from __future__ import annotations

import struct
import zlib

import pytest

from bastide_sandbox.computer import keys, png
from bastide_sandbox.errors import SandboxError


@pytest.mark.parametrize(
    ("character", "symbol"),
    [("a", 0x61), ("Z", 0x5A), ("\n", 0xFF0D), ("ü", 0xFC), ("€", 0x010020AC)],
)
def test_characters_have_numbers(character: str, symbol: int) -> None:
    assert keys.of_character(character) == symbol


@pytest.mark.parametrize(
    ("chord", "symbols"),
    [("ctrl+c", [0xFFE3, 0x63]), ("Shift+Tab", [0xFFE1, 0xFF09]), ("f12", [0xFFC9]), ("+", [0x2B])],
)
def test_chords_have_numbers(chord: str, symbols: list[int]) -> None:
    assert keys.of_chord(chord) == symbols


@pytest.mark.parametrize("chord", ["", "ctrl+", "hyper+x", "\x00", "\ud800"])
def test_what_is_no_key_is_refused(chord: str) -> None:
    with pytest.raises(SandboxError, match=r"key|typed"):
        keys.of_chord(chord)


def test_a_picture_has_its_colours_in_their_places() -> None:
    blue, green, red, white = b"\xff\0\0\0", b"\0\xff\0\0", b"\0\0\xff\0", b"\xff\xff\xff\0"
    picture = png.encode(2, 2, blue + green + red + white)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (2, 2)
    content = picture[picture.index(b"IDAT") + 4 : picture.index(b"IEND") - 8]
    expected = b"\0" + b"\0\0\xff" + b"\0\xff\0" + b"\0" + b"\xff\0\0" + b"\xff\xff\xff"
    assert zlib.decompress(content) == expected
