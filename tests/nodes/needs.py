"""What this computer must have for the tests of nodes, and how it gets it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.nodes import lab

VIRTUAL = {"mformat": "mtools", "qemu-system-x86_64": "qemu-system-x86", "swtpm": "swtpm"}
"""What tests/support/nodes/qemu.py runs; `ovmf`, the firmware, comes with it."""
JUDGES = {"nft": "nftables", "oscap": "openscap-scanner", "lynis": "lynis"}
"""Programs that read what roles rendered: a test that misses its judge is skipped, and says so."""
PROGRAMS = {**lab.NEEDED, **VIRTUAL, **JUDGES}


def install(programs: Mapping[str, str] = PROGRAMS) -> None:
    """Install the packages of the programs that are missing; raises CalledProcessError where apt fails."""
    wanted = {package for program, package in programs.items() if not shutil.which(program)}
    if "swtpm" in programs and not Path("/usr/share/OVMF").exists():
        wanted.add("ovmf")
    if os.geteuid() != 0 or not wanted or not shutil.which("apt-get"):
        return
    print(f"== installing {', '.join(sorted(wanted))}", flush=True)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *sorted(wanted)]):
        subprocess.run(["apt-get", "--quiet=2", *command], check=True, env=environ)
