"""Faults 3, 4, 5, 6, 12, 21: locks, damaged and unwritable state, passphrases, protected resources."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.state import inspect_state
from tests.support.engine import Engine, Project, eventually

pytestmark = [pytest.mark.engine, pytest.mark.fault]

PROGRAM = """
    from tests.support.lab import Record
    a = Record("a")
    Record("b", value=a.uid)
"""


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(PROGRAM)


def test_4_a_second_update_is_refused_and_the_first_is_unharmed(project: Project) -> None:
    (project.lab / "hold-create-a").touch()
    first = project.start_up()
    project.await_calls("create", "begin")
    project.up().failed("the stack is currently locked by 1 lock(s)")
    (project.lab / "hold-create-a").unlink()
    assert first.result().ok().ops() == {"a": "create", "b": "create"}


def test_3_a_stale_lock_is_cleared_by_one_verb(project: Project) -> None:
    (project.lab / "hold-create-a").touch()
    first = project.start_up()
    project.await_calls("create", "begin")
    first.kill()
    first.result().failed()
    eventually(lambda: not project.processes(), "the end of all processes")
    (project.lab / "hold-create-a").unlink()
    project.up().failed("currently locked")
    project.cancel().ok()
    project.up().ok()
    assert set(project.resources()) == {"a", "b"}
    project.refresh("--clear-pending-creates").ok()
    assert project.state().get("pending_operations", []) == []


@pytest.mark.parametrize("kept", [0, 40, -3])
def test_5_truncated_state_is_refused_and_the_last_backup_mends_it(project: Project, kept: int) -> None:
    project.up().ok()
    project.program(PROGRAM + '    Record("c")\n')
    project.up().ok()
    before = project.calls()
    project.state_file.write_text(project.state_file.read_text()[:kept])
    (problem,) = inspect_state(project.backend, "bench", "dev")
    assert problem.file == project.state_file
    refused = project.up()
    if kept:
        refused.failed()
        assert project.calls() == before
    assert problem.backup is not None
    project.state_file.write_bytes(problem.backup.read_bytes())
    assert inspect_state(project.backend, "bench", "dev") == []
    project.up().ok()
    assert set(project.resources()) == {"a", "b", "c"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; needs root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("then", ["freed", "killed"])
def test_6_a_full_disk_in_mid_update_loses_nothing(engine: Engine, small_disk: Path, then: str) -> None:
    """The engine tries on for half a minute: space freed by then saves the update, a kill loses nothing."""
    project = engine.project(PROGRAM, settings={"backend": {"url": f"file://{small_disk}"}})
    (project.lab / "hold-create-a").touch()
    running = project.start_up()
    project.await_calls("create", "begin")
    filler = small_disk / "filler"
    _fill(filler)
    (project.lab / "hold-create-a").unlink()
    project.await_calls("create", "end")
    uid = (project.lab / "objects" / "a.json").read_text()
    if then == "freed":
        filler.unlink()
        running.result().ok()
    else:
        running.kill()
        running.result().failed()
        filler.unlink()
        project.cancel().ok()
        for problem in inspect_state(small_disk, "bench", "dev"):
            assert problem.backup is not None
            problem.file.write_bytes(problem.backup.read_bytes())
        project.up().ok()
    assert set(project.resources()) == {"a", "b"}
    assert (project.lab / "objects" / "a.json").read_text() == uid


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass
    assert os.statvfs(path).f_bavail == 0


def test_12_a_wrong_or_missing_passphrase_is_refused_before_any_change(project: Project) -> None:
    project.up().ok()
    before, calls = project.state_file.read_text(), project.calls()
    project.program(PROGRAM + '    Record("c")\n')
    project.up(PULUMI_CONFIG_PASSPHRASE="wrong").failed("incorrect passphrase")
    del project.environ["PULUMI_CONFIG_PASSPHRASE"]
    project.up().failed("passphrase must be set with PULUMI_CONFIG_PASSPHRASE")
    assert project.state_file.read_text() == before
    assert project.calls() == calls


HOUSE = """
    import pulumi
    from tests.support.lab import Record
    class House(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("test:index:House", name)
            own = pulumi.ResourceOptions(parent=self)
            Record("chair", opts=own)
            Record("vault", opts=pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(protect=True)))
            Record("table", opts=own)
"""


@pytest.mark.parametrize("verb", ["destroy", "up"])
def test_21_a_protected_child_refuses_the_whole_plan_before_the_first_step(engine: Engine, verb: str) -> None:
    project = engine.project(HOUSE + "    House('house')\n")
    project.up().ok()
    calls = [call for call in project.calls() if not call.startswith("cancel")]
    project.program(HOUSE + "    Record('new')\n")
    result = project.run(verb, "--yes", "--stack", "dev").failed("vault", "protect")
    assert "pulumi state unprotect" in result.text
    assert [call for call in project.calls() if not call.startswith("cancel")] == calls
    assert {path.stem for path in (project.lab / "objects").iterdir()} == {"chair", "vault", "table"}
