"""The two checks that many rules share: what is named exists, what has a name has it once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from components.model.document import Path_
from components.model.draft import Draft
from components.model.errors import ConfigProblem, did_you_mean

Named: TypeAlias = Iterable[tuple[Path_, str | None]]
"""Names with the paths at which they stand; None names nothing."""


def unknown(
    draft: Draft, layer: str, named: Named, what: str, known: Iterable[str]
) -> Iterator[ConfigProblem]:
    """A problem for each name that is none of the known: it must be `what`."""
    names = set(known)
    for path, name in named:
        if name is not None and name not in names:
            yield draft.problem(layer, path, name, f"must be {what}", did_you_mean(name, names))


def repeated(
    draft: Draft, layer: str, what: str, named: Iterable[tuple[Path_, object]]
) -> Iterator[ConfigProblem]:
    """A problem for each name that another `what` of the file has."""
    first: dict[object, Path_] = {}
    for path, name in named:
        if name in first:
            document = draft.documents[layer]
            line = document.line(("config", f"bastide:{first[name][0]}", *first[name][1:]))
            rule = f"must be unique: another {what} has it" + (f" (line {line})" if line else "")
            yield draft.problem(layer, path, name, rule, f"Give this {what} another one.")
        first.setdefault(name, path)
