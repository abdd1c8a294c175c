"""site.yml over stub roles: order, refusals, stops and resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playbooks.stage import Stage

FLEET = {
    "w2": ["rack_r2", "accelerator"],
    "w1": ["rack_r1"],
    "w3": ["rack_r1"],
    "cp1": ["rack_r2", "control_plane"],
}
EVERYWHERE = ["base", "runtime"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FLEET)


def changed(stage: Stage) -> list[tuple[str, str]]:
    """(host, role) in the order of change."""
    split = [line.split() for line in stage.log()]
    return [(host, role) for phase, host, role in split if phase == "main"]


def test_hosts_converge_by_domain_and_roles_in_their_order(stage: Stage) -> None:
    ran = stage.play("site")
    assert ran.status == 0, ran.output
    done = changed(stage)
    assert next(host for host, role in done if role == "base") == "cp1"
    assert [role for host, role in done if host == "w2"] == [
        "base",
        "accelerator",
        "runtime",
    ]
    assert {role for host, role in done if host == "w1"} == set(EVERYWHERE)
    domains = [{"cp1": 0, "w1": 1, "w3": 1, "w2": 2}[host] for host, _ in done]
    assert domains == sorted(domains)
    assert sum(line.startswith("validate") for line in stage.log()) == 4 * len(EVERYWHERE) + 1
    assert "FAULTS" not in ran.output


def test_all_problems_of_all_hosts_are_told_and_nothing_is_changed(stage: Stage) -> None:
    stage.upset("fail", "preflight", "w1", "base")
    stage.upset("fail", "preflight", "w2", "base")
    stage.upset("fail", "preflight", "w2", "accelerator")
    ran = stage.play("site", "--extra-vars", '{"runtime_number": "many"}')
    assert ran.status == 2
    assert changed(stage) == []
    told = {(fault["host"], fault["step"]) for fault in ran.faults}
    assert {
        ("w1", "bastide.nodes.base : Do the step"),
        ("w2", "bastide.nodes.base : Do the step"),
        ("w2", "bastide.nodes.accelerator : Do the step"),
    } <= told
    assert {host for host, step in told if step == "Check the variables of the role"} == set(FLEET)
    assert any("runtime_number" in fault["said"] for fault in ran.faults)


def test_a_failed_domain_stops_the_rest_and_the_rerun_goes_on(stage: Stage) -> None:
    obstacle = stage.upset("fail", "main", "w3", "runtime")
    ran = stage.play("site")
    assert ran.status != 0
    assert not [host for host, _ in changed(stage) if host == "w2"]
    assert ("w1", "accelerator") not in changed(stage)
    assert [(fault["host"], fault["step"]) for fault in ran.faults] == [
        ("w3", "bastide.nodes.runtime : Do the step")
    ]
    assert "Not begun: w2." in ran.output
    obstacle.unlink()
    assert stage.play("site").status == 0
    assert ("w2", "runtime") in changed(stage)


@pytest.mark.fault
def test_a_host_lost_in_mid_run_is_named_and_the_next_domain_is_not_begun(stage: Stage) -> None:
    obstacle = stage.upset("lost", "main", "w1", "runtime")
    ran = stage.play("site")
    assert ran.status != 0
    assert {host for host, _ in changed(stage)} == {"cp1", "w1", "w3"}
    (fault,) = ran.faults
    assert (fault["host"], fault["step"]) == ("w1", "bastide.nodes.runtime : Do the step")
    assert fault["cause"] == "unreachable"
    assert fault["mend"].startswith("check its power")
    assert "Not begun: w2." in ran.output
    assert not [line for line in stage.log() if line.startswith("validate")]
    obstacle.unlink()
    assert stage.play("site").status == 0


def test_a_host_lost_in_the_preflight_stops_the_rest(stage: Stage) -> None:
    stage.upset("lost", "preflight", "w1", "base")
    stage.upset("fail", "preflight", "w2", "base")
    ran = stage.play("site")
    assert ran.status != 0
    assert changed(stage) == []
    assert {fault["host"] for fault in ran.faults} == {"w1", "w2"}


@pytest.mark.parametrize("key", ["", None])
def test_hosts_without_a_pinned_key_are_refused_by_name(tmp_path: Path, key: Any) -> None:
    stage = Stage(tmp_path, {"w1": ["rack_r1"], "w2": ["rack_r1"]}, {"bastide_host_key": key})
    ran = stage.play("site")
    assert ran.status == 2
    assert stage.log() == []
    assert sorted(fault["host"] for fault in ran.faults) == ["w1", "w2"]
    assert all("hostKey" in fault["said"] for fault in ran.faults)


def test_a_limit_holds(stage: Stage) -> None:
    ran = stage.play("site", "--limit", "w2,w1")
    assert ran.status == 0, ran.output
    assert {host for host, _ in changed(stage)} == {"w1", "w2"}


def test_validate_tells_every_failed_role_of_every_host(stage: Stage) -> None:
    stage.upset("fail", "validate", "w1", "base")
    stage.upset("fail", "validate", "w2", "runtime")
    ran = stage.play("validate")
    assert ran.status == 2
    assert {(fault["host"], fault["step"]) for fault in ran.faults} == {
        ("w1", "bastide.nodes.base : Do the step"),
        ("w2", "bastide.nodes.runtime : Do the step"),
    }
    assert changed(stage) == []
