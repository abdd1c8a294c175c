"""What a program wants changed, field by field, and what of it needs a replacement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from twin.plugins.kubernetes.fields import Path, same
from twin.plugins.kubernetes.values import Object, is_unknown

_PLAIN_KEY = re.compile(r'[^."\[\]]+')
_SEGMENT = re.compile(r'\.?([^."\[\]]+)|\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]')
_MISSING = object()


class Change(Enum):
    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """The changed fields, by property path, and those of them that need a replacement."""

    changes: dict[str, Change] = field(default_factory=dict)
    replaces: tuple[str, ...] = ()


def compare(old: Object, new: Object, fixed: Iterable[str], ignored: Iterable[str] = ()) -> Difference:
    """How `new` inputs differ from `old` ones; `fixed` are dotted paths, `ignored` property paths."""
    passed_over = [parse_path(path) for path in ignored]
    found = {
        path: change
        for path, change in _differences(old, new, ())
        if not any(covers(pattern, path) for pattern in passed_over)
    }
    patterns = [tuple(path.split(".")) for path in fixed]
    replaces = tuple(
        show_path(path) for path in found if any(_touches(path, pattern, old, new) for pattern in patterns)
    )
    return Difference({show_path(path): change for path, change in found.items()}, replaces)


def _differences(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Change]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key, _MISSING), new.get(key, _MISSING), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _differences(_item(old, index), _item(new, index), (*path, index))
    elif new is _MISSING:
        yield path, Change.DELETE
    elif old is _MISSING:
        yield path, Change.ADD
    elif is_unknown(new) or not same(old, new, path):
        yield path, Change.UPDATE


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _MISSING


def _touches(path: Path, pattern: Path, old: Object, new: Object) -> bool:
    """Whether a change at `path` is one of the field at `pattern`: it is in it, or has it within."""
    keys = tuple(key for key in path if isinstance(key, str))
    if keys[: len(pattern)] == pattern:
        return True
    if pattern[: len(path)] != path:
        return False
    return is_unknown(_value(new, path)) or _value(old, pattern) != _value(new, pattern)


def _value(subject: Any, path: Path) -> Any:
    for key in path:
        if isinstance(subject, dict):
            subject = subject.get(str(key))
        elif isinstance(subject, list) and isinstance(key, int) and key < len(subject):
            subject = subject[key]
        else:
            return None
    return subject


def show_path(path: Path) -> str:
    """A property path as the engine writes it: `spec.ports[0].name`, `data["a.b"]`."""
    shown = ""
    for key in path:
        if isinstance(key, int):
            shown += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            shown += f".{key}" if shown else key
        else:
            escaped = key.replace('"', '\\"')
            shown += f'["{escaped}"]'
    return shown


def parse_path(text: str) -> Path:
    """The keys of a property path; `*` stays a wildcard."""
    keys: list[str | int] = []
    for plain_key, quoted, index in _SEGMENT.findall(text):
        if index:
            keys.append("*" if index == "*" else int(index))
        else:
            keys.append(plain_key or quoted.replace('\\"', '"'))
    return tuple(keys)


def covers(pattern: Path, path: Path) -> bool:
    """Whether `path` is at or below `pattern`."""
    return len(pattern) <= len(path) and all(
        wanted in ("*", key) for wanted, key in zip(pattern, path, strict=False)
    )
