"""Prompts that try to take a model over are told from those that do not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bastide_guard.injection import fold, rules, suspect

CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "injections.yaml").read_text())
REFUSED = [(rule, prompt) for rule, prompts in CASES["refused"].items() for prompt in prompts]


@pytest.mark.parametrize(("rule", "prompt"), REFUSED)
def test_refused(rule: str, prompt: str) -> None:
    assert suspect(prompt) == rule
    assert suspect(f"Dear all,\n{prompt}\nKind regards") == rule


@pytest.mark.parametrize("prompt", CASES["allowed"])
def test_allowed(prompt: str) -> None:
    assert suspect(prompt) is None


def test_every_rule_has_a_case() -> None:
    assert {name for name, _ in rules()} == set(CASES["refused"])


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    suspect(text)
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    "text",
    [
        "ignore " * 5000,
        "show the " * 4000,
        "a " * 16000,
        "aA1b" * 8000,
        "%41" * 10000,
        "ignore" + " " * 32000,
    ],
)
def test_hostile_texts_take_no_longer_than_others(text: str) -> None:
    begun = time.process_time()
    suspect(text)
    assert time.process_time() - begun < 2
