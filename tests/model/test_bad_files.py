"""Every bad file is refused with exactly the problems that its case names (docs: faults 13 to 17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.check import render
from components.model.errors import ConfigError
from components.model.loading import check_environment, load_environment
from tests.support.configs import ENVIRONMENT, GOOD, TODAY, BadCase, bad_cases

CASES = bad_cases()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_good_environment_has_no_problem() -> None:
    assert check_environment(GOOD, ENVIRONMENT, today=TODAY) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_files_are_refused(case: BadCase, tmp_path: Path) -> None:
    case.write(tmp_path)
    found = check_environment(tmp_path, ENVIRONMENT, today=TODAY)
    listing = render(found)
    assert len(found) == len(case.problems), listing
    for problem, expected in zip(found, case.problems, strict=True):
        assert problem.file == str(tmp_path / f"Pulumi.{ENVIRONMENT}.{expected['file']}.yaml"), listing
        assert problem.path == expected["path"], listing
        assert problem.value.startswith(expected["value"]), listing
        assert expected["rule"] in problem.rule, listing
        assert expected.get("mend", "") in problem.mend, listing
        if "at" in expected:
            line = Path(problem.file).read_text(encoding="utf-8").splitlines()[problem.line - 1]
            assert expected["at"] in line, listing


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_problem_says_all(case: BadCase, tmp_path: Path) -> None:
    case.write(tmp_path)
    with pytest.raises(ConfigError) as refused:
        load_environment(tmp_path, ENVIRONMENT, today=TODAY)
    for problem in refused.value.problems:
        assert all((problem.file, problem.path, problem.value, problem.rule, problem.mend))
        assert problem.line > 0 or not Path(problem.file).exists() or problem.path == "(file)"
        assert problem.mend.endswith((".", "?"))
    assert "hunter" not in str(refused.value) + render(refused.value.problems, color=True)
