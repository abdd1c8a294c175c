"""What was found in a text is found once, and what went wrong is tried again."""

from __future__ import annotations

import pytest

from bastide_guard.memory import Memory


def test_remembers_and_forgets() -> None:
    asked: list[str] = []
    memory = Memory(lambda text: asked.append(text) or len(text), size=2)
    assert [memory(text) for text in ("a", "bb", "a", "ccc", "a", "bb", "\ud800")] == [1, 2, 1, 3, 1, 2, 1]
    assert asked == ["a", "bb", "ccc", "bb", "\ud800"]


def test_failures_are_not_remembered() -> None:
    answers = iter([TimeoutError(), 7])

    def function(_: str) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    memory = Memory(function)
    with pytest.raises(TimeoutError):
        memory("x")
    assert memory("x") == 7
