"""Process 1: it reaps what nobody waits for, hands signals on, and ends as the server does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bastide_sandbox import first
from tests.support.gateway.wire import until

PACKAGES = Path(first.__file__).parents[1]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: orphans come to it, as to process 1
SERVER = f"""
import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl({SUBREAPER}, 1, 0, 0, 0)
from bastide_sandbox import first
first.serve_below()
parent = os.getppid()
if os.fork() == 0:
    orphan = os.fork()
    if orphan == 0:
        while os.getppid() != parent:
            time.sleep(0.001)
        os.write(1, b"orphan %d\\n" % os.getpid())
        os._exit(0)
    os._exit(0)
os.wait()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
os.write(1, b"serves %d\\n" % os.getpid())
signal.pause()
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], env=environ, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def said(process: subprocess.Popen[str]) -> dict[str, int]:
    """The processes below it, by what they are."""
    assert process.stdout is not None
    return {name: int(number) for name, number in (process.stdout.readline().split() for _ in range(2))}


def test_an_orphan_is_reaped(process: subprocess.Popen[str]) -> None:
    told = said(process)
    until(lambda: not Path(f"/proc/{told['orphan']}").exists(), "it is no zombie", 10)
    assert process.poll() is None


def test_a_signal_reaches_the_server_and_its_exit_is_told(process: subprocess.Popen[str]) -> None:
    said(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 7


def test_a_killed_server_ends_it(process: subprocess.Popen[str]) -> None:
    os.kill(said(process)["serves"], signal.SIGKILL)
    assert process.wait(10) == 128 + signal.SIGKILL
