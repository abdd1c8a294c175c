"""`python -m tests.support.guard FOLDER [PID]`: when process PID ends, stop the planes listed in FOLDER.

Without PID it stops them now. A process of its own, so that it outlives even a killed pytest.
"""

from __future__ import annotations

import os
import select
import shutil
import sys
from pathlib import Path

from twin.controlplane.lifecycle import reset_plane
from twin.settings import TwinSettings


def wait_for_end(pid: int) -> None:
    """Return when the process `pid` is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll()
    os.close(handle)


def clean(folder: Path) -> None:
    """Stop every plane of the run."""
    homes = folder / "homes"
    lines = homes.read_text().splitlines() if homes.exists() else []
    for line in dict.fromkeys(lines):
        name, home = line.split("\t")
        reset_plane(TwinSettings(name=name, home=Path(home), cache=folder))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        wait_for_end(int(sys.argv[2]))
    clean(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
