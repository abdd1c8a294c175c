"""Requirement by requirement: what realises it, and what shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cli.drills import read as read_drills
from cli.environment import evidence_folders
from cli.images.verbs import proofs as proven
from components import blocks
from images.builder import definition
from policies.registry import rules
from twin.settings import ROOT

REQUIREMENTS = ROOT / "components" / "requirements.yaml"
POLICY = "P"  # the ids of what is required of policies
TESTS = ROOT / "reports" / "tests.json"


@dataclass(kw_only=True)
class Row:
    """One requirement: `by` names blocks and rules, `evidence` what passed, `missing` what did not."""

    id: str
    title: str
    by: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    whole: bool = False

    @property
    def state(self) -> str:
        """`shown`: realised as a whole and all named evidence passed; `partial`: some; `open`: none."""
        if not self.evidence:
            return "open"
        return "shown" if self.whole and not self.missing and not self.partial else "partial"

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "title": self.title,
            "by": self.by,
            "evidence": self.evidence,
            "missing": self.missing,
            "partial": self.partial,
        }


def requirements(path: Path = REQUIREMENTS) -> dict[str, str]:
    """Ids and titles of all that the platform must provide."""
    return {id_: row["title"] for id_, row in yaml.safe_load(path.read_text()).items()}


def current() -> dict[str, Row]:
    """The rows of what was drilled, tested and built here."""
    return coverage(evidence_folders(), proofs=proven())


def coverage(
    evidence_folders: Iterable[Path], tests: Path = TESTS, proofs: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Row]:
    """One row for every requirement, in order.

    `evidence_folders` hold drill records; `tests` holds the last results of `make test`; `proofs` are the
    tests that each image of the store has passed.
    """
    passed = _passed_tests(tests) | _passed_drills(evidence_folders)
    rows = {id_: Row(id=id_, title=title) for id_, title in requirements().items()}
    for block in blocks():
        for cover in block.covers:
            row = rows[cover.id]
            row.by.append(f"block:{block.block}")
            row.partial += [cover.partial] if cover.partial else []
            row.whole |= not cover.partial
            _weigh(row, cover.evidence, passed)
    for image in map(definition.load, definition.names()):
        for id_, missing in image.covers.items():
            rows[id_].by.append(f"image:{image.name}")
            rows[id_].partial += [missing] if missing else []
            rows[id_].whole |= not missing
            _prove(rows[id_], image.titles, proofs or {})
    for rule in rules():
        for id_ in rule.covers:
            rows[id_].by.append(f"rule:{rule.id}")
            # A rule refuses what breaks a requirement; alone it realises only those on policies themselves.
            rows[id_].whole |= id_.startswith(POLICY)
            _weigh(rows[id_], [f"tests/policies/test_rules.py::test_cases[{rule.id}]"], passed)
    return rows


def _weigh(row: Row, named: Iterable[str], passed: set[str]) -> None:
    for item in named:
        kept = row.evidence if item in passed else row.missing
        if item not in kept:
            kept.append(item)


def _prove(row: Row, images: Iterable[str], proofs: Mapping[str, Iterable[str]]) -> None:
    for image in images:
        found = [*proofs.get(image, ())]
        row.evidence += [test for test in found if test not in row.evidence]
        row.missing += [] if found else [f"make images NAME={image}"]


def _passed_tests(path: Path) -> set[str]:
    if not path.exists():
        return set()
    results: Mapping[str, str] = json.loads(path.read_text())["results"]
    exact = {node for node, result in results.items() if result == "passed"}
    failed = {node.split("[")[0] for node, result in results.items() if result != "passed"}
    return exact | ({node.split("[")[0] for node in exact} - failed)


def _passed_drills(folders: Iterable[Path]) -> set[str]:
    records = [record for folder in folders for record in read_drills(folder)]
    failed = {record["id"] for record in records if not record["passed"]}
    return {f"drill:{record['id']}" for record in records} - {f"drill:{id_}" for id_ in failed}
