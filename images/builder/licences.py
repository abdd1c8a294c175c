"""Licences as SPDX names them, from the words of Debian, Python and npm packages.

Sources: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/, https://spdx.org/licenses/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

REFERENCE: Final = "LicenseRef-"
_IDS: Final[dict[str, list[str]]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
_KNOWN: Final = {word.lower(): name for name, words in _IDS.items() for word in (name, *words)}
_GNU: Final = re.compile(r"(A?GPL|LGPL|GFDL)-?v?([123])(?:\.([0-9]))?(?:\.0)?(\+?)", re.IGNORECASE)
_FIELD: Final = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_FORMAT: Final = re.compile(r"\AFormat:[^\n]*copyright-format/1\.0", re.IGNORECASE)
_PARTS: Final = re.compile(r"\s+(and|or)\s+|\s*,\s*(?:(and|or)\s+)?", re.IGNORECASE)
_BARE: Final = re.compile(r"[()]|\b(?:AND|OR|WITH)\b")
_ODD: Final = re.compile(r"[^A-Za-z0-9.]+")


def of_copyright(text: str) -> str:
    """All licences in a machine-readable `copyright` of a Debian package, joined; empty for any other."""
    if not _FORMAT.match(text):
        return ""
    named = [expression(short) for short in _FIELD.findall(text)]
    found = {part for each in named for part in ([each] if " OR " in each else each.split(" AND "))}
    return " AND ".join(f"({each})" if " OR " in each and len(found) > 1 else each for each in sorted(found))


def expression(words: str) -> str:
    """A licence field as an SPDX expression; what SPDX has no name for becomes a `LicenseRef-`."""
    if _BARE.search(words):
        return words if _is_expression(words) else reference(words)
    names = [part for part in _PARTS.split(words) if part]
    joined: list[str] = []
    operator = " AND "
    for name in names:
        if name.lower() in ("and", "or"):
            operator = f" {name.upper()} "
            continue
        joined.append(operator if joined else "")
        joined.append(_single(name.strip()))
    mixed = " AND " in joined and " OR " in joined
    return reference(words) if mixed else "".join(joined)


def _is_expression(words: str) -> bool:
    """Whether it is names that we know, joined as SPDX joins them."""
    names = [name for name in re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", " ", words).strip()) if name]
    return words.count("(") == words.count(")") and all(name.strip() in _IDS for name in names)


def _single(name: str) -> str:
    if match := _GNU.fullmatch(name):
        family, major, minor, later = match.groups()
        exact = f"{family.upper()}-{major}.{minor or '0'}-{'or-later' if later else 'only'}"
        return exact if exact in _IDS else reference(name)
    return _KNOWN.get(name.lower(), "") or reference(name)


def reference(name: str) -> str:
    """The `LicenseRef-` that stands for a licence which SPDX has no name for."""
    return f"{REFERENCE}{_ODD.sub('-', name).strip('-') or 'unnamed'}"
