"""The command as a user runs it, where no cluster is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.main import app
from cli.outcome import Exit
from components.model import loading
from tests.support.command import ROOT, bastide
from tests.support.configs import BadCase, Today, bad_cases

REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text()


def leaves(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """All verbs, those of groups too: `provider admit`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def test_reference_names_every_verb_and_exit_code() -> None:
    verbs = dict(leaves(get_command(app)))
    assert len(verbs) >= 16
    for verb, command in verbs.items():
        row = next((line for line in REFERENCE.splitlines() if line.startswith(f"| `{verb}")), "")
        assert row, f"{verb} is not in docs/reference/cli.md"
        for parameter in command.params:
            for option in parameter.opts:
                shown = option if option.startswith("--") else None
                assert shown in (None, "--drift") or shown in row, f"{verb} {option} is not in its row"
    for code in Exit:
        assert f"| {int(code)} | {code.name} |" in REFERENCE


def test_check_accepts_the_twin() -> None:
    done = bastide("check", "twin")
    assert done.code == Exit.OK, done.text
    assert "valid" in done.out


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("case", bad_cases(), ids=lambda case: case.name)
def test_check_refuses_every_bad_file(case: BadCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "date", Today)
    case.write(tmp_path)
    done = CliRunner().invoke(app, ["check", "site", "--config", str(tmp_path), "--json"])
    assert done.exit_code == Exit.CONFIG, done.output
    problems = json.loads(done.stdout)["problems"]
    assert problems
    for problem in problems:
        assert all(problem[key] for key in ("file", "path", "value", "rule", "mend")), problem


def test_bad_file_is_told_in_plain_words(tmp_path: Path) -> None:
    bad_cases()[0].write(tmp_path)
    done = bastide("check", "site", "--config", tmp_path)
    assert done.code == Exit.CONFIG, done.text
    assert "Traceback" not in done.text


def test_there_are_bad_files() -> None:
    assert len(bad_cases()) >= 40


def test_unknown_environment_is_named_with_the_known_ones() -> None:
    done = bastide("up", "twim")
    assert done.code == Exit.CONFIG
    assert "twim" in done.err
    assert "twin" in done.err


def test_unknown_tenant_is_named_with_the_known_ones(away: dict[str, str]) -> None:
    done = bastide("preview", "twin", "--tenant", "acne", env=away)
    assert done.code == Exit.USAGE
    assert "acme" in done.err


@pytest.mark.parametrize("verb", [("preview",), ("drill",), ("down", "--destroy")], ids=" ".join)
def test_verbs_that_need_a_running_twin_say_so(verb: tuple[str, ...], away: dict[str, str]) -> None:
    done = bastide(verb[0], "twin", *verb[1:], env=away)
    assert done.code == Exit.UNREACHABLE, done.text
    assert "bastide up twin" in done.err
    assert "Traceback" not in done.text


def test_status_of_a_twin_that_never_ran(away: dict[str, str]) -> None:
    done = bastide("status", "twin", "--json", env=away)
    assert done.code == Exit.UNREACHABLE, done.text
    assert done.json["cluster"]["reachable"] is False
    assert {member["state"] for member in done.json["members"]} == {"stopped"}


def test_coverage_lists_every_requirement_open_ones_too(away: dict[str, str], tmp_path: Path) -> None:
    done = bastide("coverage", "--json", env=away)
    assert done.code == Exit.OK, done.text
    assert len(done.json) == 78
    for row in done.json.values():
        assert row["state"] in ("shown", "partial", "open")
        assert row["state"] == "open" or row["evidence"]


def test_env_prints_exports_that_a_shell_takes(away: dict[str, str]) -> None:
    done = bastide("env", "twin", env=away)
    assert done.code == Exit.OK, done.text
    names = {line.split("=")[0] for line in done.out.splitlines()}
    assert names >= {"export PATH", "export KUBECONFIG", "export PULUMI_HOME", "export PULUMI_BACKEND_URL"}


def test_twin_refuses_an_unknown_action(away: dict[str, str]) -> None:
    done = bastide("twin", "twin", "dance", env=away)
    assert done.code == Exit.USAGE
    assert "start, stop, status, reset" in done.err
