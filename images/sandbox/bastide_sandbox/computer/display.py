"""The screen, mouse and keyboard of an X server, by its own protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from Xlib import X
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayConnectionError
from Xlib.ext import xtest

from bastide_sandbox.computer import keys, png
from bastide_sandbox.errors import SandboxError

BUTTONS: Final = {"left": 1, "middle": 2, "right": 3}
_WHEEL: Final = (5, 4)
_SHIFT: Final = keys.NAMED["shift"]
_SETTLE_SECONDS: Final = 0.1
"""How long programs get to hear that a key means something else now."""


class Screen:
    """A connection to the display; one caller at a time."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        self._root = self._display.screen().root
        self._lock = threading.Lock()
        self._spare = self._unused()
        self._taught: dict[int, int] = {}

    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        with self._lock:
            try:
                found = self._root.get_geometry()
            except (ConnectionClosedError, DisplayConnectionError, OSError):
                raise SandboxError(503, "no_display", "the display is gone: start the sandbox anew") from None
            return found.width, found.height

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        width, height = self.size()
        with self._lock:
            image = self._root.get_image(0, 0, width, height, X.ZPixmap, 0xFFFFFFFF)
        return png.encode(width, height, image.data)

    def windows(self) -> list[dict[str, Any]]:
        """The windows with a title that are seen."""
        with self._lock:
            return [*self._titled(self._root, 0)]

    def _titled(self, window: Any, depth: int) -> list[dict[str, Any]]:
        found = []
        for child in window.query_tree().children:
            attributes, title = child.get_attributes(), child.get_wm_name()
            if attributes.map_state != X.IsViewable:
                continue
            place = child.get_geometry()
            at = child.translate_coords(self._root, 0, 0)
            if title and depth < 3:
                box = {"x": -at.x, "y": -at.y, "width": place.width, "height": place.height}
                found.append({"title": str(title), **box})
            else:
                found += self._titled(child, depth + 1)
        return found

    def move(self, place: Sequence[int]) -> None:
        """Move the mouse to a place, x and y."""
        with self._lock:
            xtest.fake_input(self._display, X.MotionNotify, x=place[0], y=place[1])
            self._display.sync()

    def press(self, button: str) -> None:
        """Press a button of the mouse."""
        with self._lock:
            self._fake(X.ButtonPress, BUTTONS[button])

    def release(self, button: str) -> None:
        """Release it."""
        with self._lock:
            self._fake(X.ButtonRelease, BUTTONS[button])

    def click(self, button: str) -> None:
        """Press and release it."""
        self.press(button)
        self.release(button)

    def scroll(self, notches: int) -> None:
        """Turn the wheel; down where `notches` is positive."""
        with self._lock:
            for _ in range(abs(notches)):
                for kind in (X.ButtonPress, X.ButtonRelease):
                    self._fake(kind, _WHEEL[notches < 0])

    def type(self, symbols: Sequence[int]) -> None:
        """Type one character after the other, also what is on no key."""
        with self._lock:
            for start in range(0, len(symbols), len(self._spare)):
                part = symbols[start : start + len(self._spare)]
                self._teach(part)
                for symbol in part:
                    self._chord([symbol])

    def key(self, symbols: Sequence[int]) -> None:
        """Press keys together and release them."""
        with self._lock:
            self._teach(symbols)
            self._chord(symbols)

    def _chord(self, symbols: Sequence[int]) -> None:
        codes: list[int] = []
        for symbol in symbols:
            code, shifted = self._key(symbol)
            if shifted and _SHIFT not in symbols:
                codes.append(self._display.keysym_to_keycode(_SHIFT))
            codes.append(code)
        for code in codes:
            self._fake(X.KeyPress, code)
        for code in reversed(codes):
            self._fake(X.KeyRelease, code)

    def _teach(self, symbols: Sequence[int]) -> None:
        """Give symbols that are on no key one of the spare keys each, and time to programs to hear of it.

        A key's meaning changes only when all spare ones were used: a slow program looks it up late.
        """
        new = [each for each in dict.fromkeys(symbols) if each not in self._taught and not self._keys(each)]
        for symbol in new:
            code = self._spare[0]
            self._spare = [*self._spare[1:], code]
            self._taught = {old: at for old, at in self._taught.items() if at != code} | {symbol: code}
            self._display.change_keyboard_mapping(code, [[symbol, symbol]])
        if new:
            self._display.sync()
            time.sleep(_SETTLE_SECONDS)

    def _keys(self, symbol: int) -> list[tuple[int, bool]]:
        """The keys of a symbol, and whether Shift goes with each; those without it first."""
        found = self._display.keysym_to_keycodes(symbol)
        return sorted(((int(code), index == 1) for code, index in found if index < 2), key=lambda key: key[1])

    def _key(self, symbol: int) -> tuple[int, bool]:
        return (self._taught[symbol], False) if symbol in self._taught else self._keys(symbol)[0]

    def _unused(self) -> list[int]:
        known = self._display.display.info
        first, last = int(known.min_keycode), int(known.max_keycode)
        mapping = self._display.get_keyboard_mapping(first, last - first + 1)
        return [first + at for at, symbols in enumerate(mapping) if not any(symbols)]

    def _fake(self, kind: int, detail: int) -> None:
        xtest.fake_input(self._display, kind, detail)
        self._display.sync()
