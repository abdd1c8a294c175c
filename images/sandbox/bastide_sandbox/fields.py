"""The fields of a JSON body, taken one by one; what is left over is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from bastide_sandbox.errors import SandboxError

_MISSING: Final = object()


class Fields:
    """The object in `body`; every method raises `SandboxError` (400) for what does not fit."""

    def __init__(self, body: bytes) -> None:
        try:
            found = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise SandboxError(400, "bad_json", f"the body is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise SandboxError(400, "bad_json", "the body is no JSON object")
        self._left: dict[str, Any] = found

    def any(self, name: str, default: Any = _MISSING) -> Any:
        """The field `name`, of any type."""
        found = self._left.pop(name, default)
        if found is _MISSING:
            raise SandboxError(400, "missing_field", f"{name} is missing")
        return found

    def text(self, name: str, default: str | None = None, most: int = 2**20) -> str:
        """A string of at most `most` characters."""
        found = self.any(name, _MISSING if default is None else default)
        if not isinstance(found, str) or len(found) > most:
            raise _bad(name, f"a string of at most {most} characters")
        return found

    def choice(self, name: str, options: Sequence[str], default: str | None = None) -> str:
        """One of `options`."""
        found = self.any(name, _MISSING if default is None else default)
        if found not in options:
            raise _bad(name, f"one of {', '.join(options)}")
        return str(found)

    def number(self, name: str, least: float, most: float, default: float | None = None) -> float:
        """A number from `least` to `most`."""
        found = self.any(name, _MISSING if default is None else default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise _bad(name, "a number")
        if not least <= found <= most:
            raise _bad(name, f"from {least:g} to {most:g}")
        return found

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number from `least` to `most`."""
        found = self.number(name, least, most, default)
        if found != int(found):
            raise _bad(name, "a whole number")
        return int(found)

    def end(self) -> None:
        """Refuse every field that nobody took."""
        if self._left:
            raise SandboxError(400, "unknown_field", f"nothing is known of {', '.join(sorted(self._left))}")


def _bad(name: str, rule: str) -> SandboxError:
    return SandboxError(400, "bad_field", f"{name} is not {rule}")
