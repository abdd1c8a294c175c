"""Interruption: once is graceful, twice is at once, and nothing outlives the engine."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.engine import Engine, Project, Running, eventually

pytestmark = pytest.mark.engine

PROGRAM = """
    import os, pathlib, pulumi
    from tests.support.lab import Record
    pathlib.Path("program.pid").write_text(str(os.getpid()))
    a = Record("a")
    Record("b", value=a.uid)
"""


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(PROGRAM)


def _in_mid_create(project: Project) -> Running:
    (project.lab / "hold-create-a").touch()
    running = project.start_up()
    project.await_calls("create", "begin")
    return running


def test_one_interrupt_lets_the_step_end_and_begins_no_other(project: Project) -> None:
    running = _in_mid_create(project)
    running.interrupt()
    project.await_calls("cancel", "begin")
    (project.lab / "hold-create-a").unlink()
    running.result().failed()
    assert [call for call in project.calls() if call.startswith("create")] == [
        "create a begin",
        "create a end",
    ]
    assert set(project.resources()) == {"a"}
    assert project.processes() == []
    assert project.up().ok().ops() == {"a": "same", "b": "create"}


def test_a_second_interrupt_ends_at_once(project: Project) -> None:
    running = _in_mid_create(project)
    running.interrupt()
    project.await_calls("cancel", "begin")
    running.interrupt()
    running.result(timeout=20).failed()
    eventually(lambda: not project.processes(), "the end of all processes")


def test_a_program_that_hangs_is_ended_by_an_interrupt(engine: Engine) -> None:
    project = engine.project("""
        import time, pathlib
        pathlib.Path("lab/calls").write_text("hang program begin")
        time.sleep(600)
    """)
    running = project.start_up()
    project.await_calls("hang", "begin")
    running.interrupt()
    running.result(timeout=30).failed()
    eventually(lambda: not project.processes(), "the end of all processes")


def test_a_killed_engine_leaves_no_process(project: Project) -> None:
    project.policy_pack("""
        from pulumi_policy import PolicyPack, ResourceValidationPolicy
        PolicyPack("pack", policies=[ResourceValidationPolicy(
            name="none", description="None.", validate=lambda args, report: None)])
    """)
    (project.lab / "hold-create-a").touch()
    running = project.start_up("--policy-pack", "pack")
    project.await_calls("create", "begin")
    assert len(project.processes()) >= 5
    running.kill()
    running.result().failed()
    eventually(lambda: not project.processes(), "the end of all processes")


@pytest.mark.parametrize("victim", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_program_fails_the_update_in_plain_words(project: Project, victim: signal.Signals) -> None:
    running = _in_mid_create(project)
    os.kill(int((project.root / "program.pid").read_text()), victim)
    (project.lab / "hold-create-a").unlink()
    running.result().failed(f"program was killed by {victim.name}")
    assert set(project.resources()) == {"a"}
    assert project.up().ok().ops()["b"] == "create"
