"""Control groups of labs, in whichever hierarchies this machine has (version 1, 2 or both)."""

from __future__ import annotations

import time
from pathlib import Path

_TOP = "bastide-nodes"
_CPUSET = ("cpuset.cpus", "cpuset.mems")
_WEIGHTS = {"cpu.shares": "16384", "cpu.weight": "1600"}
"""All labs together compete for the CPU as one: like sixteen plain processes (version 1, version 2)."""


def hierarchies() -> list[Path]:
    """The mount points of all control group hierarchies."""
    lines = (line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return sorted(
        {Path(left.split()[4]) for left, right in lines if right.split()[0] in ("cgroup", "cgroup2")}
    )


def make(lab: str, machine: str) -> list[Path]:
    """The groups of a machine, one for each hierarchy; a process joins by naming itself in `cgroup.procs`."""
    groups = []
    for top in hierarchies():
        group = top
        (top / _TOP).mkdir(exist_ok=True)
        for name, weight in _WEIGHTS.items():
            if (top / _TOP / name).exists():
                (top / _TOP / name).write_text(weight)
        for part in (_TOP, lab, machine):
            above, group = group, group / part
            group.mkdir(exist_ok=True)
            for name in _CPUSET:  # version 1 takes no process into a group without them
                if (group / name).exists() and not (group / name).read_text().strip():
                    (group / name).write_text((above / name).read_text())
            if (group / "cgroup.clone_children").exists():
                (group / "cgroup.clone_children").write_text("1")
        groups.append(group)
    return groups


def clear(lab: str, machine: str = "") -> None:
    """Remove the groups of a machine, or of the whole lab, whose processes have ended."""
    for top in hierarchies():
        root = top / _TOP / lab / machine
        if root.is_dir():
            _remove(root, time.monotonic() + 2)  # the kernel takes a moment to let go of what has just ended


def _remove(root: Path, until: float) -> None:
    for group in [*sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True), root]:
        while True:
            try:
                group.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > until:
                    return
                time.sleep(0.02)
            else:
                break
