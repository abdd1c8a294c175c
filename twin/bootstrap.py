"""Make the checkout's `.venv` match `uv.lock`: what `make` runs first. Needs Python alone.

Nothing of the project or of other packages is imported here. `uv` does the work: one on PATH if it is new
enough, else the release that uv.lock pins, got through pip, or, where Python came without pip (as on a
bare Debian), from the address that uv.lock names, checked against its hash.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
STAMP = ".bastide-stamp"


class BootstrapError(Exception):
    """What is wrong, and how to mend it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}\n  to mend: {mend}")


def main(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> int:
    """Synchronize; 0 when `.venv` is as uv.lock says."""
    try:
        _need_python()
        if in_step(root):
            return 0
        lock = read_lock(root)
        uv = find_uv(lock, environ) or get_uv(lock, cache_folder(environ), environ)
        synchronize(root, uv, environ)
    except BootstrapError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    return 0


def in_step(root: Path) -> bool:
    """Whether the last synchronization was of these very files."""
    stamp = root / ".venv" / STAMP
    python = root / ".venv" / "bin" / "python"
    return python.exists() and stamp.is_file() and stamp.read_text() == fingerprint(root)


def fingerprint(root: Path) -> str:
    """A hash of what decides the environment: where it is and what the project asks for."""
    digest = hashlib.sha256(str(root).encode())
    for name in ("uv.lock", "pyproject.toml"):
        digest.update(hashlib.sha256((root / name).read_bytes()).digest())
    return digest.hexdigest()


def read_lock(root: Path) -> dict[str, Any]:
    """The entry of `uv` in uv.lock: `version`, and `wheels` with `url` and `hash`."""
    import tomllib  # noqa: PLC0415 - an older Python must get as far as our own message

    path = root / "uv.lock"
    try:
        lock = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BootstrapError(f"{path}: {error}", "restore it: git checkout -- uv.lock") from error
    for package in lock.get("package", []):
        if package.get("name") == "uv":
            return dict(package)
    raise BootstrapError(f"{path}: does not pin `uv`", "restore it: git checkout -- uv.lock")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The user's cache of this project; the same as TwinSettings.cache."""
    user = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(environ.get("BASTIDE_CACHE") or user / "bastide").resolve()


def find_uv(lock: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    """A `uv` on PATH or in the cache that is not older than the pinned one's minor release."""
    on_path = shutil.which("uv", path=environ.get("PATH"))
    for candidate in (Path(on_path) if on_path else None, _cached_uv(lock, cache_folder(environ))):
        if candidate and candidate.exists() and _minor(_version(candidate)) >= _minor(lock["version"]):
            return candidate
    return None


def get_uv(
    lock: Mapping[str, Any], cache: Path, environ: Mapping[str, str], python: str = sys.executable
) -> Path:
    """Put the pinned `uv` into the cache, through pip, else by its address in uv.lock."""
    if environ.get("BASTIDE_OFFLINE", "") not in ("", "0"):
        raise BootstrapError(
            f"no uv {lock['version']} here; getting it needs the network, and BASTIDE_OFFLINE forbids it",
            "put a uv of that version on PATH, or unset BASTIDE_OFFLINE",
        )
    place = _cached_uv(lock, cache)
    place.parent.mkdir(parents=True, exist_ok=True)
    print(f"bootstrap: getting uv {lock['version']}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=place.parent) as folder:
        by_pip, why_no_pip = _through_pip(lock, Path(folder), python, environ)
        draft = by_pip or _by_address(lock, Path(folder), why_no_pip)
        draft.chmod(0o755)
        draft.replace(place)
    return place


def synchronize(root: Path, uv: Path, environ: Mapping[str, str]) -> None:
    """Run `uv sync --frozen` and remember what for."""
    print("bootstrap: synchronizing .venv with uv.lock", file=sys.stderr)
    stamp = root / ".venv" / STAMP
    stamp.unlink(missing_ok=True)
    offline = ["--offline"] if environ.get("BASTIDE_OFFLINE", "") not in ("", "0") else []
    kept = {key: value for key, value in environ.items() if key != "VIRTUAL_ENV"}
    wanted = fingerprint(root)
    done = subprocess.run(
        [str(uv), "sync", "--frozen", "--quiet", "--compile-bytecode", "--python", _base_python(), *offline],
        cwd=root,
        env={**kept, "UV_PROJECT_ENVIRONMENT": ".venv", "UV_PYTHON_DOWNLOADS": "never"},
        check=False,
    )
    if done.returncode != 0:
        raise BootstrapError(
            f"`uv sync --frozen` in {root} failed (exit {done.returncode}); its own words are above",
            "mend what they name (often: the package index out of reach) and run it again; "
            "it goes on where it stopped",
        )
    stamp.write_text(wanted)


def _through_pip(
    lock: Mapping[str, Any], folder: Path, python: str, environ: Mapping[str, str]
) -> tuple[Path | None, str]:
    """The program `uv`, or None and why not. pip follows the user's own mirror settings."""
    asked = folder / "uv.txt"
    hashes = " ".join(f"--hash={wheel['hash']}" for wheel in lock["wheels"])
    asked.write_text(f"uv=={lock['version']} {hashes}\n")
    pip = folder / "venv" / "bin" / "pip"
    for line in (
        [python, "-m", "venv", str(folder / "venv")],
        [str(pip), "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(asked)],
    ):
        done = subprocess.run(line, capture_output=True, text=True, env=dict(environ), check=False)
        if done.returncode != 0:
            words = (done.stdout + done.stderr).strip().splitlines()
            return None, f"`{' '.join(line[:3])}`: {words[-1] if words else f'exit {done.returncode}'}"
    return folder / "venv" / "bin" / "uv", ""


def _by_address(lock: Mapping[str, Any], folder: Path, why_no_pip: str) -> Path:
    wheel = choose_wheel(lock)
    archive = folder / "uv.whl"
    try:
        with urllib.request.urlopen(wheel["url"], timeout=60) as answer:  # noqa: S310 - from uv.lock
            archive.write_bytes(answer.read())
    except OSError as error:
        raise BootstrapError(
            f"uv cannot be had: not through pip ({why_no_pip}), and not from {wheel['url']} ({error})",
            "install uv (https://docs.astral.sh/uv), or Python's venv with pip (Debian: python3-venv)",
        ) from error
    actual = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    if actual != wheel["hash"]:
        raise BootstrapError(
            f"{wheel['url']}: has {actual}, uv.lock says {wheel['hash']}",
            "do not use it; try another network, or install uv yourself",
        )
    with zipfile.ZipFile(archive) as content:
        member = next(name for name in content.namelist() if name.endswith("/scripts/uv"))
        program = folder / "uv"
        program.write_bytes(content.read(member))
    return program


def choose_wheel(lock: Mapping[str, Any], machine: str = "", libc: str = "") -> Mapping[str, str]:
    """The wheel for this machine."""
    machine = (machine or platform.machine()).lower()
    if platform.system() == "Linux":
        family = "manylinux" if (libc or platform.libc_ver()[0]) == "glibc" else "musllinux"
    else:
        family = "macosx"
    for wheel in lock["wheels"]:
        name = wheel["url"].rsplit("/", 1)[1].removesuffix(".whl")
        tags = name.split("-", 4)[-1].split(".")
        if any(tag.startswith(family) and tag.endswith(f"_{machine}") for tag in tags):
            return dict(wheel)
    raise BootstrapError(
        f"uv.lock has no uv for {family} on {machine}", "install uv (https://docs.astral.sh/uv)"
    )


def _cached_uv(lock: Mapping[str, Any], cache: Path) -> Path:
    return cache / "uv" / str(lock["version"]) / "uv"


def _version(uv: Path) -> str:
    try:
        answer = subprocess.run(
            [str(uv), "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.removeprefix("uv ") if answer.returncode == 0 else ""


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _base_python() -> str:
    """The interpreter below a virtual environment: `.venv` must not be built on itself."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def _need_python() -> None:
    """Go on in a newer Python if this one is too old and another is on PATH."""
    if sys.version_info[:2] >= OLDEST:
        return
    for minor in range(15, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606 - no shell is wanted
    found = ".".join(str(part) for part in sys.version_info[:3])
    raise BootstrapError(f"Python {found} is too old: 3.11 or newer is needed", "install it (python3.11)")


if __name__ == "__main__":
    sys.exit(main())
