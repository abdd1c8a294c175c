"""Processes are known by more than their pid, and end for certain."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin.controlplane import processes
from twin.controlplane.processes import Running, running, spawn, stop

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "run" / "sleeper"
    yield path
    stop(path, 0)


def start(record: Path, *argv: str) -> Running:
    spawn(argv, record, record.parent / "log", dict(os.environ))
    for _ in range(500):
        found = running(record)
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("not recorded within five seconds")


def test_a_process_runs_in_a_session_of_its_own(record: Path) -> None:
    found = start(record, "sleep", "60")
    assert os.getsid(found.pid) == found.pid


def test_stop_ends_it_and_forgets_it(record: Path) -> None:
    found = start(record, "sleep", "60")
    stop(record, 5)
    assert running(record) is None
    assert not record.exists()
    assert _state(found.pid) in ("", "Z")


def test_a_killed_process_is_not_taken_for_running(record: Path) -> None:
    found = start(record, "sleep", "60")
    os.kill(found.pid, signal.SIGKILL)
    for _ in range(500):
        if running(record) is None:
            break
        time.sleep(0.01)
    assert running(record) is None
    assert record.exists()


def test_who_does_not_listen_to_sigterm_is_killed(record: Path) -> None:
    found = start(record, sys.executable, "-c", DEAF)
    log = record.parent / "log"
    for _ in range(500):
        if "deaf" in log.read_text():
            break
        time.sleep(0.01)
    stop(record, 0.1)
    assert _state(found.pid) in ("", "Z")


def test_a_pid_given_to_another_process_is_left_alone(record: Path) -> None:
    found = start(record, "sleep", "60")
    boot, stat = record.read_text().splitlines()
    other = record.with_name("other")
    fields = stat.split(" ")
    fields[21] = str(int(fields[21]) - 100)
    other.write_text(f"{boot}\n{' '.join(fields)}\n")
    stop(other, 5)
    assert running(record) == found


def test_a_record_of_an_earlier_boot_means_nothing(record: Path) -> None:
    start(record, "sleep", "60")
    other = record.with_name("other")
    other.write_text("another-boot\n" + record.read_text().splitlines()[1] + "\n")
    assert running(other) is None


def test_a_large_log_is_set_aside(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_LOG_LIMIT", 10)
    log = record.parent / "log"
    log.parent.mkdir()
    log.write_text("more than ten characters")
    start(record, "sleep", "60")
    assert log.with_suffix(".log.1").read_text() == "more than ten characters"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
