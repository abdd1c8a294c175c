"""Whatever a file holds, the answer is problems, never a crash."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.model.document import read
from components.model.loading import check_environment
from tests.support.configs import ENVIRONMENT, GOOD

LAYERS = ("foundation", "platform", "acme")
WORDS = st.sampled_from(
    ["kind", "static", "default", "-1", "1e400", "٣", "a" * 300, "\x1b[31m", "", "secure"]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), WORDS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2)
)


def own(layer: str) -> dict[str, Any]:
    config = read(GOOD / f"Pulumi.{ENVIRONMENT}.{layer}.yaml").data["config"]
    return {
        key.removeprefix("bastide:"): value for key, value in config.items() if key.startswith("bastide:")
    }


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield from paths(held, (*path, key))


PLACES = [(layer, path) for layer in LAYERS for path in paths(own(layer))]


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_value_at_any_place(place: tuple[str, tuple[Any, ...]], value: Any) -> None:
    layer, path = place
    changed = copy.deepcopy(own(layer))
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    for problem in check_environment(GOOD, ENVIRONMENT, (layer, changed)):
        assert all((problem.file, problem.path, problem.value, problem.rule, problem.mend))
        assert "docs/reference/configuration.md" not in problem.mend, problem
        assert f"{problem.path}{problem.value}".isprintable(), problem


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=60), st.text("[]{}:,- \n\t&*!|>'\"#%@`<?ab1", max_size=60)))
def test_any_content(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "Pulumi.site.acme.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    document = read(path)
    assert document.problems or isinstance(document.data, dict)


@pytest.mark.parametrize("opening", ["[", "- ", "? ", "a:\n"])
def test_nesting_without_end(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "Pulumi.site.acme.yaml"
    lines = (" " * depth + opening for depth in range(400)) if opening.endswith("\n") else [opening * 200_000]
    path.write_text("".join(lines))
    [problem] = read(path).problems
    assert "nested deeper than 32 levels" in problem.rule
