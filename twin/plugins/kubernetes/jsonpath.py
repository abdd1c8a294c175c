"""The part of kubectl's JSONPath that `pulumi.com/waitFor` is used with.

`jsonpath={.status.phase}=Running`; steps are `.key`, `['key']`, `[0]`, `[*]` and `[?(@.type=="Ready")]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from twin.plugins.kubernetes.objects import at

_STEP = re.compile(
    r"""\.(?P<key>(?:\\.|[^.\[\]\\])+)
      | \[ (?: (?P<index>-?\d+) | (?P<all>\*) | '(?P<quoted>[^']*)'
        | \?\(\s*@\.(?P<field>[\w.-]+)\s*==\s*["'](?P<equals>[^"']*)["']\s*\) ) \]""",
    re.VERBOSE,
)
_WHOLE = re.compile(r"jsonpath=(?P<path>\{[^{}]*\}|[^={}]+)(?:=(?P<value>.*))?", re.DOTALL)


@dataclass(frozen=True)
class JsonPath:
    """A path, and the value that it must have; None: any value."""

    text: str
    steps: tuple[dict[str, str], ...]
    expected: str | None

    def holds(self, subject: Any) -> bool:
        found = list(self._find(subject, 0))
        if self.expected is None:
            return bool(found)
        return len(found) > 0 and all(_shown(value) == self.expected for value in found)

    def _find(self, value: Any, depth: int) -> Iterator[Any]:
        if depth == len(self.steps):
            yield value
            return
        for item in _step(value, self.steps[depth]):
            yield from self._find(item, depth + 1)


def parse(expression: str) -> JsonPath:
    """Raises `ValueError`."""
    matched = _WHOLE.fullmatch(expression)
    path = matched["path"].strip("{}") if matched else ""
    path = path if path.startswith((".", "[")) else f".{path}"
    steps, position = [], 0
    while position < len(path) and (step := _STEP.match(path, position)):
        steps.append({name: value for name, value in step.groupdict().items() if value is not None})
        position = step.end()
    if not matched or not steps or position < len(path):
        raise ValueError(f"{expression!r} is no path like `jsonpath={{.status.phase}}=Running`")
    return JsonPath(expression, tuple(steps), matched["value"])


def _step(value: Any, step: dict[str, str]) -> list[Any]:
    key = step["key"].replace("\\", "") if "key" in step else step.get("quoted")
    if key is not None:
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if "index" in step:
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    if "field" in step:
        return [item for item in value if _shown(at(item, step["field"])) == step["equals"]]
    return value


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
