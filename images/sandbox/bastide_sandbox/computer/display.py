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
_SETTLE_SECONDS: Final = 0.02
"""How long programs get to hear that a key means something else now."""


class Screen:
    """A connection to the display; one caller at a time."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        self._root = self._display.screen().root
        self._lock = threading.Lock()
        self._spare = self._unused()

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
            for symbol in symbols:
                self._chord([symbol])

    def key(self, symbols: Sequence[int]) -> None:
        """Press keys together and release them."""
        with self._lock:
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

    def _key(self, symbol: int) -> tuple[int, bool]:
        """The key of a symbol, and whether Shift goes with it; one without a key gets the spare one."""
        for code, index in sorted(self._display.keysym_to_keycodes(symbol), key=lambda found: found[1]):
            if index < 2:
                return int(code), index == 1
        self._display.change_keyboard_mapping(self._spare, [[symbol, symbol]])
        self._display.sync()
        time.sleep(_SETTLE_SECONDS)
        return self._spare, False

    def _unused(self) -> int:
        first, last = (
            int(self._display.display.info.min_keycode),
            int(self._display.display.info.max_keycode),
        )
        mapping = self._display.get_keyboard_mapping(first, last - first + 1)
        return next(first + at for at in reversed(range(len(mapping))) if not any(mapping[at]))

    def _fake(self, kind: int, detail: int) -> None:
        xtest.fake_input(self._display, kind, detail)
        self._display.sync()
