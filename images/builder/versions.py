"""Which of two versions is older: as dpkg orders Debian's, and as SemVer orders those of npm and Go.

Sources: https://manpages.debian.org/trixie/dpkg-dev/deb-version.7.en.html, https://semver.org
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

Key: TypeAlias = tuple[Any, ...]

_RUNS: Final = re.compile(r"([^0-9]*)([0-9]*)")
_SEMVER: Final = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
_END: Final = 0
_TILDE: Final = -1
_LETTERS: Final = 256
"""Added to what is no letter: letters come first."""


def debian_older(one: str, other: str) -> bool:
    """Whether dpkg holds `one` for older than `other`."""
    return _debian(one) < _debian(other)


def semantic_older(one: str, other: str) -> bool | None:
    """Whether `one` is older than `other`; None where one of them is no semantic version."""
    keys = _semantic(one), _semantic(other)
    return None if None in keys else keys[0] < keys[1]  # type: ignore[operator]


def _debian(version: str) -> Key:
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, hyphen, revision = rest.rpartition("-")
    return int(epoch), *(_part(part) for part in ((upstream, revision) if hyphen else (rest, "0")))


def _part(text: str) -> Key:
    """A key that orders like dpkg: runs of other characters and of digits in turn.

    A tilde comes before the end, the end before letters, letters before all else.
    """
    key: list[Any] = []
    for words, digits in _RUNS.findall(text):
        if words or digits:
            key += [(*map(_rank, words), _END), int(digits or "0")]
    return (*key, (_END,), 0, (_END,))


def _rank(character: str) -> int:
    if character == "~":
        return _TILDE
    return ord(character) if character.isalpha() else ord(character) + _LETTERS


def _semantic(version: str) -> Key | None:
    match = _SEMVER.fullmatch(version)
    if not match:
        return None
    *numbers, before = match.groups()
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in (before or "").split(".")
    )
    return *(int(number or "0") for number in numbers), before is None, parts
