"""`shown` is said only where a block declares the whole and every named evidence passed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.coverage import coverage, requirements
from components import blocks
from policies.registry import rules

DRILLS = "drills.json"


def evidence() -> set[str]:
    """All that blocks and rules name as their evidence."""
    named = {item for block in blocks() for cover in block.covers for item in cover.evidence}
    return named | {f"tests/policies/test_rules.py::test_cases[{rule.id}]" for rule in rules()}


def write(folder: Path, passed: set[str], failed: set[str]) -> Path:
    """Results and drill records in which `passed` passed and `failed` failed; the path of the results."""
    results = {item: "passed" for item in passed if not item.startswith("drill:")}
    results |= {item: "failed" for item in failed if not item.startswith("drill:")}
    drills = [(item, True) for item in passed] + [(item, False) for item in failed]
    records = [
        {"id": item.removeprefix("drill:"), "target": "acme", "passed": good}
        for item, good in drills
        if item.startswith("drill:")
    ]
    (folder / DRILLS).write_text(json.dumps(records))
    (folder / "tests.json").write_text(json.dumps({"results": results}))
    return folder / "tests.json"


def test_nothing_is_shown_without_results(tmp_path: Path) -> None:
    rows = coverage([tmp_path], tmp_path / "none.json")
    assert list(rows) == list(requirements())
    assert {row.state for row in rows.values()} == {"open"}


def test_with_all_evidence_only_whole_requirements_are_shown(tmp_path: Path) -> None:
    rows = coverage([tmp_path], write(tmp_path, evidence(), set()))
    assert rows["N3"].state == "shown"
    assert rows["P2"].state == "shown"
    assert rows["T1"].state == "partial", "the block itself says what is missing"
    assert rows["X5"].state == "partial", "rules alone do not realise it"
    assert rows["L1"].state == "open"


def test_an_image_counts_once_it_is_proven(tmp_path: Path) -> None:
    results = write(tmp_path, evidence(), set())
    assert "make images NAME=code" in coverage([tmp_path], results)["S8"].missing
    shown = coverage([tmp_path], results, {"code": ["tests/images/test_code.py::test_it_runs"]})["S8"]
    assert "tests/images/test_code.py::test_it_runs" in shown.evidence
    assert "make images NAME=code" not in shown.missing
    assert "image:code" in shown.by


@pytest.mark.parametrize("item", ["drill:nodes.placement", "drill:nodes.no-match"])
def test_one_failed_drill_takes_shown_away(item: str, tmp_path: Path) -> None:
    rows = coverage([tmp_path], write(tmp_path, evidence() - {item}, {item}))
    assert rows["N3"].state == "partial"
    assert rows["N3"].missing == [item]
