"""The module that compares a machine with what it must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import load, run_module

validate = load("plugins/modules/validate.py")


def asked(tmp_path: Path, *checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    listed = [{"id": f"c{i}", "mend": f"Mend c{i}.", **check} for i, check in enumerate(checks)]
    given = {"role": "base", "phase": "preflight", "checks": listed, "reports": str(tmp_path / "reports")}
    return run_module("validate", given | more)


def test_all_that_differs_is_told_together(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("PermitRootLogin no\n")
    answer = asked(
        tmp_path,
        {"found": "5.10.0-28", "at_least": "6.1"},
        {"command": ["echo", "on"], "equals": "on"},
        {"path": str(tmp_path / "conf"), "matches": "(?m)^PermitRootLogin yes$"},
        {"path": str(tmp_path / "none"), "lacks": "anything"},
    )
    assert answer["failed"]
    assert answer["msg"].splitlines() == [
        "base preflight: 3 of 4 checks failed",
        "- c0: found '5.10.0-28', expected at least 6.1. Mend c0.",
        "- c2: found 'PermitRootLogin no', expected something like (?m)^PermitRootLogin yes$. Mend c2.",
        f"- c3: found '{tmp_path}/none does not exist', expected nothing like anything. Mend c3.",
    ]
    assert [each["status"] for each in answer["report"]["checks"]] == ["failed", "passed", "failed", "failed"]


def test_the_report_stays_on_the_machine_but_not_in_check_mode(tmp_path: Path) -> None:
    given = {"role": "base", "phase": "validation", "reports": str(tmp_path / "reports")}
    given["checks"] = [{"id": "a", "found": True, "equals": "true", "mend": "m"}]  # type: ignore[assignment]
    assert run_module("validate", given, check=True)["report"]["passed"]
    assert not (tmp_path / "reports").exists()
    answer = run_module("validate", given)
    assert not answer["changed"]
    assert json.loads((tmp_path / "reports/base.validation.json").read_text()) == answer["report"]


def test_a_check_with_patience_waits_for_what_becomes_true(tmp_path: Path) -> None:
    """The program answers differently from its second call on."""
    mark = tmp_path / "asked"
    twice = ["sh", "-c", 'test -e "$0" && echo ok || touch "$0"', str(mark)]
    assert asked(tmp_path, {"command": twice, "equals": "ok"})["failed"]
    mark.unlink()
    answer = asked(tmp_path, {"command": twice, "equals": "ok", "patience": 10})
    assert answer["report"]["passed"]


def test_what_needs_hardware_is_skipped_and_said_so(tmp_path: Path) -> None:
    check = {"path": "/dev/none", "exists": True, "hardware": True}
    with_it, without = asked(tmp_path, check), asked(tmp_path, check, hardware=False)
    assert with_it["failed"]
    assert [each["status"] for each in without["report"]["checks"]] == ["skipped"]
    assert "said to have none" in without["report"]["checks"][0]["found"]


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        ({"found": "6.10", "at_least": "6.9"}, True),
        ({"found": "6.1.0-13-amd64", "at_least": "6.1"}, True),
        ({"found": "570.86", "at_most": "570.195"}, True),
        ({"found": "none", "at_least": "1"}, False),
        ({"found": "", "at_least": "1"}, False),
        ({"found": 8, "equals": "8"}, True),
        ({"found": "b", "one_of": ["a", "b"]}, True),
        ({"found": "c", "one_of": ["a", "b"]}, False),
        ({"path": "/", "exists": True, "owner": 0}, True),
        ({"path": "/none", "exists": False}, True),
        ({"path": "/none", "mode": "0600"}, False),
        ({"command": ["false"], "lacks": "x"}, False),
        ({"command": ["no-such-program"], "lacks": "x"}, False),
        ({"found": "x", "matches": "("}, False),
    ],
    ids=str,
)
def test_judgements(tmp_path: Path, check: dict[str, Any], passes: bool) -> None:
    assert asked(tmp_path, check).get("failed", False) is not passes


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ({"equals": "x"}, "must have one of found, command, path"),
        ({"found": "x"}, "must have one of equals"),
        ({"found": "x", "mode": "0600"}, "judge a path only"),
        ({"found": "x", "command": ["y"], "equals": "x"}, "must have one of found"),
        ({"found": "x", "equals": "x", "id": "other"}, "one check only"),
    ],
    ids=str,
)
def test_a_check_that_is_none_is_refused(tmp_path: Path, check: dict[str, Any], told: str) -> None:
    answer = asked(tmp_path, check, {"id": "other", "found": "x", "equals": "x"})
    assert told in answer["msg"]


def test_nothing_to_check_is_refused(tmp_path: Path) -> None:
    assert "nothing to check" in asked(tmp_path)["msg"]


@pytest.mark.parametrize(
    "names", [["6.1", "6.1.0", "6.1.1", "6.9", "6.10"], ["1.0-rc1", "1.0", "1.0-amd64", "1.0.1"]]
)
def test_versions_are_ordered(names: list[str]) -> None:
    assert names == sorted({*names}, key=validate.version)
