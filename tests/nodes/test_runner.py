"""`make test-nodes` counts what ran and fails on what did not; it needs no machine for that."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

import tests.nodes.__main__ as main
from tests.nodes import scenarios
from tests.nodes.scenarios import Outcome
from tests.support.nodes import LabError, sources

LOG = """
TASK [bastide.nodes.base : Write sysctl] ***
\x1b[0;33mchanged: [base-default]\x1b[0m
TASK [bastide.nodes.base : Start] ****
ok: [base-default]
fatal: [base-default]: FAILED! => {"msg": "no unit"}
CRITICAL Idempotence test failed because of the following tasks:
* [base-default] => bastide.nodes.base : Write sysctl
"""
DEB822 = """Types: deb
# a snapshot
URIs: http://archive.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://other.example/node
Suites: nodistro
Components: main
Signed-By: /etc/keys.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def collection(folder: Path, *scenarios_there: str) -> Path:
    """A collection with role `base` and these scenarios, whole ones."""
    (folder / "roles/base/meta").mkdir(parents=True)
    (folder / "roles/base/meta/argument_specs.yml").touch()
    for name in scenarios_there:
        tests = folder / "extensions/molecule" / name / "tests"
        tests.mkdir(parents=True)
        (tests / "test_it.py").write_text("def test_it(host):\n    assert host\n")
        for file in ("molecule.yml", "inventory.yml"):
            (tests.parent / file).write_text("---\n{}\n")
    return folder


def test_every_role_must_have_two_scenarios(tmp_path: Path) -> None:
    folder = collection(tmp_path, "base_default", "fleet_more")
    assert scenarios.wanted(folder) == ["base_alternative", "base_default", "fleet_more"]
    assert scenarios.missing("base_default", folder) == ""
    assert scenarios.missing("base_alternative", folder) == (
        "extensions/molecule/base_alternative lacks molecule.yml, inventory.yml, tests/test_*.py with a test"
    )


def test_a_scenario_without_a_test_lacks_one(tmp_path: Path) -> None:
    folder = collection(tmp_path, "base_default")
    (folder / "extensions/molecule/base_default/tests/test_it.py").write_text("HOST = 1\n")
    assert scenarios.missing("base_default", folder).endswith("lacks tests/test_*.py with a test")


def test_every_scenario_of_the_collection_is_whole() -> None:
    assert [lacks for name in scenarios.wanted() if (lacks := scenarios.missing(name))] == []


def test_the_gist_of_a_log_names_the_task_and_the_error() -> None:
    assert scenarios.gist_of(LOG) == [
        "   TASK [bastide.nodes.base : Start]",
        '      fatal: [base-default]: FAILED! => {"msg": "no unit"}',
        "      CRITICAL Idempotence test failed because of the following tasks:",
        "      * [base-default] => bastide.nodes.base : Write sysctl",
    ]


def test_outcomes_are_read_from_what_pytest_wrote(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text(
        '<testsuites><testsuite><testcase classname="t" name="good" time="1.5"/>'
        '<testcase classname="t" name="bad" time="2"><failure message="no&#10;more"/></testcase>'
        '<testcase classname="t" name="left" time="0"><skipped message="no root"/></testcase>'
        "</testsuite></testsuites>"
    )
    told = [(each.name, each.verdict, each.seconds, each.note) for each in scenarios.outcomes(results)]
    assert told == [
        ("t.good", "passed", 1.5, ""),
        ("t.bad", "failed", 2.0, "no"),
        ("t.left", "skipped", 0.0, "no root"),
    ]


def test_what_no_time_is_left_for_is_told_as_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = SimpleNamespace(place=SimpleNamespace(name="lab"))
    monkeypatch.setattr(main, "Lab", lambda: nullcontext(lab))
    monkeypatch.setattr(main, "serve_programs", lambda lab: None)
    monkeypatch.setattr(
        scenarios, "run", lambda name, *_: Outcome(name=name, verdict="passed", seconds=1, note="")
    )
    for deadline, verdict in ((time.monotonic() + 60, "passed"), (time.monotonic() - 1, "skipped")):
        assert [each.verdict for each in main.run_scenarios(["base_default"], deadline)] == [verdict]


def test_a_lane_starts_no_tests_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = time.monotonic() + 60
    ran: list[str] = []

    def run(name: str, *_: str) -> list[Outcome]:
        ran.append(name)
        monkeypatch.setattr(time, "monotonic", lambda: ends + 1)
        return [Outcome(name=name, verdict="passed", seconds=1)]

    monkeypatch.setattr(main, "run_tests", run)
    told = main.run_lane({"first": ["a"], "second": ["b"]}, ends)
    assert [(each.name, each.verdict) for each in told] == [("first", "passed"), ("second", "skipped")]
    assert ran == ["first"]


def test_apt_sources_of_this_release_are_read_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example bookworm main\ndeb [arch=amd64] http://sec.example/ bookworm-security main\n"
    )
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/off.sources.disabled").write_text(DEB822)
    found = sources.read(tmp_path, "bookworm")
    assert [(source.uri, source.suites) for source in found] == [
        ("http://sec.example", ("bookworm-security",)),
        ("http://archive.example/debian", ("bookworm", "bookworm-updates")),
    ]
    assert "URIs: http://mirror/apt/1\n" in found[1].render("http://mirror/apt/1")


def test_a_computer_without_an_archive_of_its_release_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no Debian archive of trixie"):
        sources.read(tmp_path, "trixie")
