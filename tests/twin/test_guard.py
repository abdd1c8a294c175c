"""A test run that is killed leaves no process behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twin.controlplane.layout import Layout
from twin.controlplane.processes import running
from twin.settings import ROOT

# A run whose plane has one member, which is enough to see whether it is stopped.
RUN = """
import os, signal, sys, time
from pathlib import Path
from tests.support import plane
from twin.controlplane.layout import Layout
from twin.controlplane.processes import spawn
from twin.settings import TwinSettings

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
folder = Path(sys.argv[1])
plane._shared.update({plane._FOLDER: str(folder), plane._CONTROLLER: os.getpid()})
settings = TwinSettings(name="killed", home=folder / "killed", cache=folder)
plane.guard(settings)
layout = Layout(settings.home)
spawn(["sleep", "120"], layout.record("kwok"), layout.log("kwok"), dict(os.environ))
time.sleep(120)
"""


@pytest.mark.fault
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_guard_stops_what_a_killed_run_started(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    record = Layout(folder / "killed").record("kwok")
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as victim:
        member = None
        deadline = time.monotonic() + 30
        while member is None and time.monotonic() < deadline:
            time.sleep(0.05)
            member = running(record)
        assert member is not None
        victim.send_signal(how)
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists(), "the guard deletes the folder last"
    stat = Path(f"/proc/{member.pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
