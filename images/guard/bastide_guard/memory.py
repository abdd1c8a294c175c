"""Remembering what was found in a text, by its hash: agents send their whole history with every call."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Found = TypeVar("Found")

SIZE: Final = 4096
"""Texts that are remembered; the one unused for longest is forgotten first."""


class Memory(Generic[Found]):
    """Results of a pure function of a text. The texts themselves are not kept."""

    def __init__(self, function: Callable[[str], Found], size: int = SIZE) -> None:
        self._function = function
        self._size = size
        self._found: OrderedDict[bytes, Found] = OrderedDict()

    def __call__(self, text: str) -> Found:
        """The result, computed at most once while it is remembered; what the function raises is not."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if key not in self._found:
            self._found[key] = self._function(text)
            if len(self._found) > self._size:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        return self._found[key]
