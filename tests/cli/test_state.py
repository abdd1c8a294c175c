"""Damaged state files are named, with the newest sound copy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.state import inspect_state

STACK = "urn:pulumi:twin.acme::bastide::pulumi:pulumi:Stack::bastide-twin.acme"


def _state(*resources: dict[str, Any], version: int = 3) -> str:
    return json.dumps({"version": version, "checkpoint": {"latest": {"resources": list(resources)}}})


GOOD = _state({"urn": STACK}, {"urn": "urn:a", "parent": STACK})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".pulumi" / "stacks" / "bastide" / "twin.acme.json"
    path.parent.mkdir(parents=True)
    return path


def _backup(file: Path, stamp: int, text: str) -> Path:
    folder = file.parents[2] / "backups" / "bastide" / "twin.acme"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"twin.acme.{stamp}.json"
    path.write_text(text)
    os.utime(path, (stamp, stamp))
    return path


@pytest.mark.parametrize("text", [GOOD, _state(), '{"version": 3, "checkpoint": {"latest": null}}'])
def test_sound_state_passes(tmp_path: Path, file: Path, text: str) -> None:
    file.write_text(text)
    assert inspect_state(tmp_path, "bastide", "twin.acme") == []


def test_a_stack_that_was_never_written_passes(tmp_path: Path) -> None:
    assert inspect_state(tmp_path, "bastide", "twin.acme") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD[:-20], "cut off"),
        ("", "empty"),
        ("[]", "no checkpoint"),
        (_state(version=4), "version 4"),
        (_state({"urn": "urn:a", "parent": STACK}), "does not come before it"),
        (_state({"type": "x"}), "without a urn"),
    ],
)
def test_damage_is_named_with_the_newest_sound_copy(
    tmp_path: Path, file: Path, text: str, words: str
) -> None:
    file.write_text(text)
    _backup(file, 100, GOOD)
    newest_sound = _backup(file, 200, GOOD)
    _backup(file, 300, GOOD[:50])
    (problem,) = inspect_state(tmp_path, "bastide", "twin.acme")
    assert words in problem.problem
    assert problem.backup == newest_sound
    assert str(newest_sound) in problem.mend
    assert str(file) in str(problem)


def test_a_lost_file_and_no_backup_at_all(tmp_path: Path, file: Path) -> None:
    kept = _backup(file, 100, GOOD)
    assert inspect_state(tmp_path, "bastide", "twin.acme")[0].backup == kept
    kept.unlink()
    file.write_text("{")
    (problem,) = inspect_state(tmp_path, "bastide", "twin.acme")
    assert problem.backup is None
    assert "adopts" in problem.mend
