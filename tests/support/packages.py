"""Packages of the images' own programs, which the tests import and the product does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.command import ROOT

_OFFLINE = ["--offline"] if os.environ.get("BASTIDE_OFFLINE", "") not in ("", "0") else []
COMMAND = [
    *("uv", "sync", "--frozen", "--inexact", "--compile-bytecode", "--quiet"),  # many start it afresh
    *("--group", "guard", "--group", "gym", *_OFFLINE),
]


def install() -> None:
    """Install them into the environment of this Python; raises CalledProcessError."""
    subprocess.run([Path(sys.executable).with_name(COMMAND[0]), *COMMAND[1:]], cwd=ROOT, check=True)
