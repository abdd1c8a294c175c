"""A problem of the configuration: where it is, what breaks which rule, how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Final

HIDDEN: Final = "[hidden]"
"""Shown in place of a value that may be a secret."""
MISSING: Final = "(missing)"

_TELLTALE = re.compile(
    r"pass(word|phrase|wd)?|secret(?!Store\b)|(?<!caps\.)token(?!sPerDay\b)|credential|private|api-?key|auth"
    r"|\.key$|\.keys\[\d+\]\.value",
    re.IGNORECASE,
)
"""Paths whose values are not shown: where the path of a secret belongs, the secret itself may stand."""
_USERINFO = re.compile(r"//[^/@\s]+@")
"""Who and by which password, in front of a URL's host."""
_VALUE_MAX = 80


@dataclass(frozen=True, order=True, kw_only=True)
class ConfigProblem:
    """One problem. `line` counts from 1; 0 means the value came from the engine, not from a file.

    `path` is as `pulumi config --path` writes it, after `config.`: `config.bastide:tenant.quota.memory`.
    `lapsed` tells what was right until some day: it stops its own stack only.
    """

    file: str
    line: int
    path: str
    value: str
    rule: str
    mend: str
    lapsed: bool = False

    def as_json(self) -> dict[str, Any]:
        """All that is told of it."""
        return {key: value for key, value in asdict(self).items() if key != "lapsed"}

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.value} {self.rule}. {self.mend}"


class ConfigError(Exception):
    """The configuration is refused, with every problem of all files."""

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(map(str, self.problems))
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the configuration:\n{lines}")


def shown(value: object, path: str = "") -> str:
    """`value` in short, for a message. Nothing that may be a secret is ever shown."""
    if _TELLTALE.search(path):
        return HIDDEN
    if isinstance(value, Mapping):
        if "secure" in value:
            return HIDDEN
        return f"a mapping of {len(value)}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "[]"
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    text = _USERINFO.sub(f"//{HIDDEN}@", text)
    text = text if text.isprintable() else ascii(text)
    return f"{text[:_VALUE_MAX]}…" if len(text) > _VALUE_MAX else text or '""'


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A mend: the nearest known name, else all of them (at most 12)."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=1, cutoff=0.6) or [
        each for each in names if each.lower() == name.lower().replace("_", "").replace("-", "")
    ]
    if near:
        return f"Did you mean `{near[0]}`?"
    if not names:
        return "There is none yet: declare it first."
    return f"Use one of: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."
