"""Asking a program for its version, without trusting it to answer."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

_PATIENCE: Final = 10.0
_SEMANTIC: Final = re.compile(r"\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


def version_of(program: Path, asks: tuple[str, ...]) -> str | None:
    """The version that `program` prints, such as `1.36.3`; None where it does not say in ten seconds.

    It runs in an empty folder with an empty home, so that it reads and writes nobody's settings.
    """
    with tempfile.TemporaryDirectory(prefix="bastide-probe-") as empty:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": empty,
            "PULUMI_HOME": empty,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        try:
            answer = subprocess.run(
                [str(program), *asks],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                cwd=empty,
                env=environ,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    if answer.returncode != 0:
        return None
    text = answer.stdout.decode(errors="replace")
    git_version = re.search(r'"gitVersion":\s*"v([^"]+)"', text)
    found = git_version or _SEMANTIC.search(text)
    return found[1] if found else None
