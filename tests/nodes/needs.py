"""What this computer must have for the tests of nodes, and how it gets it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.nodes import lab

VIRTUAL = {"mformat": "mtools", "qemu-system-x86_64": "qemu-system-x86", "swtpm": "swtpm"}
"""What tests/support/nodes/qemu.py runs; `ovmf`, the firmware, comes with it."""
JUDGES = {"nft": "nftables", "oscap": "openscap-scanner", "lynis": "lynis"}
"""Programs that read what roles rendered: a test that misses its judge is skipped, and says so."""


def install() -> None:
    """Install every package that any test of nodes can use; raises CalledProcessError where apt fails."""
    programs = {**lab.NEEDED, **VIRTUAL, **JUDGES}
    wanted = {package for program, package in programs.items() if not shutil.which(program)}
    if VIRTUAL["swtpm"] in wanted or not Path("/usr/share/OVMF").exists():
        wanted.add("ovmf")
    if os.geteuid() != 0 or not wanted or not shutil.which("apt-get"):
        return
    print(f"== installing {', '.join(sorted(wanted))}", flush=True)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *sorted(wanted)]):
        subprocess.run(["apt-get", "--quiet=2", *command], check=True, env=environ)
