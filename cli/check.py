"""The problems of a configuration, for a person and for a machine."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from components.model.errors import ConfigProblem

_BOLD, _RED, _DIM = "1", "31", "2"


def render(problems: Iterable[ConfigProblem], color: bool = False) -> str:
    """All problems, by file: line, path, value, the rule it breaks and the way to mend it."""
    ordered = sorted(problems)
    blocks = [
        "\n".join([_painted(file, _BOLD, color), *(_lines(problem, color) for problem in group)])
        for file, group in groupby(ordered, key=lambda problem: problem.file)
    ]
    return "\n\n".join([*blocks, _summary(ordered)])


def to_json(problems: Iterable[ConfigProblem]) -> dict[str, Any]:
    """`{"valid": bool, "problems": [{file, line, path, value, rule, mend}, ...]}`."""
    listed = [problem.as_json() for problem in sorted(problems)]
    return {"valid": not listed, "problems": listed}


def _lines(problem: ConfigProblem, color: bool) -> str:
    where = f"line {problem.line}  " if problem.line else ""
    return "\n".join(
        [
            f"  {_painted(where, _DIM, color)}{problem.path}",
            f"    {_painted(problem.value, _RED, color)}: {problem.rule}",
            f"    {problem.mend}",
        ]
    )


def _summary(problems: list[ConfigProblem]) -> str:
    files = len({problem.file for problem in problems})
    return f"{_counted(len(problems), 'problem')} in {_counted(files, 'file')}. Nothing was changed."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _painted(text: str, style: str, color: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if color and text else text
