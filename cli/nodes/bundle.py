"""The index of a bundle: a folder of programs that the machines install, pinned by one digest."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cli.outcome import CliError, Exit

INDEX: Final = "index.json"
ARCHITECTURES: Final = ("amd64", "arm64")
_LAYOUT: Final = "<name>/<version>/<arch>/<file>"
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True, kw_only=True, order=True)
class Artifact:
    """One program: `file` is its path in the folder, `sha256` its digest in hex."""

    name: str
    version: str
    arch: str
    file: str
    sha256: str


def write_index(folder: Path) -> tuple[str, list[Artifact]]:
    """Write `index.json` of `folder`; its digest (`sha256:...`) and what it lists.

    The same files give the same index. Raises `CliError` with all that does not fit `<name>/<version>/<arch>/
    <file>`, before anything is written.
    """
    if not folder.is_dir():
        raise CliError(Exit.USAGE, f"{folder} is no folder", f"make it, and put programs there as {_LAYOUT}")
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir() and path != folder / INDEX)
    if wrong := [*_problems(folder, paths)]:
        raise CliError(Exit.CONFIG, "\n".join(wrong), f"put programs there as {_LAYOUT}, one file for each")
    listed = sorted(_artifact(folder, path) for path in paths)
    content = json.dumps({"artifacts": [asdict(each) for each in listed]}, indent=1).encode() + b"\n"
    partial = folder / f".{INDEX}.partial"
    partial.write_bytes(content)
    partial.replace(folder / INDEX)
    return f"sha256:{hashlib.sha256(content).hexdigest()}", listed


def _problems(folder: Path, paths: list[Path]) -> list[str]:
    wrong = [] if paths else [f"{folder} holds no program"]
    seen: dict[tuple[str, ...], Path] = {}
    for path in paths:
        parts = path.relative_to(folder).parts
        if len(parts) != 4 or not all(map(_WORD.fullmatch, parts)):
            wrong.append(f"{path} is not at {_LAYOUT}")
        elif parts[2] not in ARCHITECTURES:
            wrong.append(f"{path} is for {parts[2]}, which is none of {', '.join(ARCHITECTURES)}")
        elif path.is_symlink() or not path.is_file():
            wrong.append(f"{path} is no plain file")
        elif other := seen.setdefault(parts[:3], path):
            wrong += [f"{path} is one of two: {other} is there too"] if other != path else []
    return wrong


def _artifact(folder: Path, path: Path) -> Artifact:
    name, version, arch, _ = inside = path.relative_to(folder).parts
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(name=name, version=version, arch=arch, file="/".join(inside), sha256=digest)
