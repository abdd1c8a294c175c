"""Locked Python packages for an image: a dependency group of uv.lock, installed by digest into one folder.

What is installed is for the image's Python, whatever runs here; nothing is compiled or built from source.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from images.builder.definition import FOLDER
from images.builder.errors import ImageError, failed, last_lines
from images.builder.packages import Package, of_tree
from images.builder.work import Work

VERSION: Final = "3.13"
"""Python of Debian 13."""
PLATFORM: Final = "x86_64-manylinux_2_40"
"""Wheels for glibc of at most this version; Debian 13 has 2.41."""
_UV: Final = Path(sys.executable).parent / "uv"
_EXPORT: Final = ("export", "--frozen", "--no-emit-project", "--no-header", "--no-annotate", "--quiet")
_INSTALL: Final = (
    *("pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes", "--no-build"),
    *("--link-mode", "copy", "--python-version", VERSION, "--python-platform", PLATFORM),
)


def install(group: str, folder: Path, work: Work) -> tuple[Package, ...]:
    """Install the packages of `group` into `folder`; what they are.

    `work.wheels`, where given, is a folder of wheels that are taken and nothing else. Raises `ImageError`.
    """
    step = f"Python packages of group {group}"
    listed = work.folder / f"{group}.txt"
    _uv(step, [*_EXPORT, "--only-group", group, "--output-file", str(listed)])
    source = ["--offline", "--no-index", "--find-links", str(work.wheels)] if work.wheels else []
    _uv(step, [*_INSTALL, *source, "--python", sys.executable, "--target", str(folder), "-r", str(listed)])
    for name in ("bin", ".lock"):  # programs name the Python that ran here, and none is called
        _remove(folder / name)
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        _tell_what_is_there(record, folder)
    return of_tree(folder)


def _tell_what_is_there(record: Path, folder: Path) -> None:
    """Drop the lines of removed files: they tell the digests of scripts with paths of this machine."""
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if (folder / next(csv.reader([line]))[0]).exists()))


def _uv(step: str, line: Sequence[str]) -> None:
    if not _UV.exists():
        raise ImageError(f"{step}: {_UV} is missing", "make the project's environment: make venv")
    variables = {**os.environ, "UV_NO_PROGRESS": "1"}
    done = subprocess.run(
        [str(_UV), *line], cwd=FOLDER.parent, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        how = f"uv {line[0]} ended with {done.returncode}"
        raise failed(step, how, done.stderr, _cause(last_lines(done.stderr)))


def _cause(told: str) -> str:
    if "hash" in told.lower():
        return "a package is not the one that uv.lock names: find out who changed it before anything else"
    if "not found in the package registry" in told or "no usable wheels" in told or "no wheels" in told:
        return f"add wheels for Python {VERSION} to the folder of wheels, or lock a version that has them"
    return "see the lines above; often the registry is out of reach: name a folder of wheels"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
