"""What keys are called: X's numbers (keysyms) of characters and of named keys.

Numbers: https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html#keysym_encoding
"""

from __future__ import annotations

from typing import Final

from bastide_sandbox.errors import SandboxError

NAMED: Final = {
    **{"backspace": 0xFF08, "tab": 0xFF09, "enter": 0xFF0D, "escape": 0xFF1B, "delete": 0xFFFF},
    **{"home": 0xFF50, "left": 0xFF51, "up": 0xFF52, "right": 0xFF53, "down": 0xFF54},
    **{"pageup": 0xFF55, "pagedown": 0xFF56, "end": 0xFF57, "insert": 0xFF63, "space": 0x20},
    **{"shift": 0xFFE1, "ctrl": 0xFFE3, "alt": 0xFFE9, "super": 0xFFEB},
    **{f"f{number}": 0xFFBD + number for number in range(1, 13)},
}
_UNICODE: Final = 0x0100_0000


def of_character(character: str) -> int:
    """The number of a character; line end and tab are keys."""
    if character in "\n\t":
        return NAMED["enter" if character == "\n" else "tab"]
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000:
        raise SandboxError(400, "bad_key", f"{character!r} cannot be typed; name its key instead")
    return code if code < 0x100 else _UNICODE + code


def of_text(text: str) -> list[int]:
    """The numbers of its characters."""
    return [of_character(each) for each in text]


def of_chord(chord: str) -> list[int]:
    """The numbers of keys held together, as `ctrl+shift+t`."""
    words = chord.split("+") if chord != "+" else ["+"]
    return [_of_name(word) for word in words]


def _of_name(name: str) -> int:
    if name.lower() in NAMED:
        return NAMED[name.lower()]
    if len(name) != 1:
        raise SandboxError(400, "bad_key", f"{name!r:.50} is no key: one character, or {', '.join(NAMED)}")
    return of_character(name)
