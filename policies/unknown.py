"""Values that a preview cannot know yet.

`UNKNOWN` meets every expectation: it equals anything, contains anything, and so does each part of it. A rule
that asks "is it what is allowed?" therefore stays silent about an unknown part and still judges all others;
the update hands the same resource over again with the value known. Rules must ask that way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError


class _Unknown:
    """See the module. Truthy, empty to iterate, equal to anything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__

    def __contains__(self, item: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getitem__(self, key: object) -> _Unknown:
        return self

    def get(self, key: object, default: object = None) -> _Unknown:
        return self

    def items(self) -> tuple[()]:
        return ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final[Any] = _Unknown()


def known(value: object) -> bool:
    return not isinstance(value, _Unknown)


def whole(value: object) -> bool:
    """Whether a value and all its parts are known."""
    if isinstance(value, _Partial):
        return False
    if isinstance(value, Mapping):
        return all(map(whole, value.values()))
    return all(map(whole, value)) if isinstance(value, list) else known(value)


def matches(pattern: re.Pattern[str], value: object) -> bool:
    """Whether a text is as the pattern wants it; an unknown one is."""
    return not known(value) or (isinstance(value, str) and pattern.search(value) is not None)


class _Partial(dict[str, Any]):
    """A part of an object: what it leaves out is unknown, because the live object has it."""

    def __missing__(self, key: str) -> Any:
        return UNKNOWN

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]


def partial(value: Any) -> Any:
    """A patch, as rules shall see it: only what it says itself is judged before the update."""
    if isinstance(value, Mapping):
        return _Partial({key: partial(item) for key, item in value.items()})
    return [partial(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """What the engine hands over, as plain values and `UNKNOWN`."""
    if isinstance(value, Mapping):
        return {key: _at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_at(value, index) for index in range(len(value))]
    return value


def _at(container: Any, key: str | int) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
