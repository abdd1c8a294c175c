"""The cache of tools, by content: what a tool is built from decides where it lies."""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from twin.progress import Progress
from twin.toolchain.tools import GATEWAY_TOOLS, NODE_TOOLS, TOOLS, Family

_ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def system() -> str:
    """The operating system in Go's terms, e.g. `linux`."""
    return platform.system().lower()


def architecture() -> str:
    """The processor in Go's terms, e.g. `amd64`."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


@dataclass(frozen=True)
class Shelf:
    """The cached tools of one family in one version."""

    root: Path
    family: Family

    @property
    def key(self) -> str:
        """A hash of all that decides what the tools are."""
        digest = hashlib.sha256()
        tools = (*TOOLS, *GATEWAY_TOOLS, *NODE_TOOLS)
        packages = " ".join(tool.package for tool in tools if tool.family.name == self.family.name)
        for part in (
            *(source.read_bytes() for source in self.family.sources),
            f"{self.family.linker()}\n{packages}\n{system()}/{architecture()}".encode(),
        ):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()[:16]

    @property
    def folder(self) -> Path:
        return self.root / f"{self.family.name}-{self.key}"

    def find(self, tool: str) -> Path | None:
        path = self.folder / tool
        return path if path.is_file() else None

    def keep(self, draft: Path, tool: str) -> Path:
        """Put the finished `draft` (a file below `drafts`) in its place in one step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft.chmod(0o755)
        return draft.replace(self.folder / tool)

    @contextmanager
    def drafts(self, progress: Progress) -> Iterator[Path]:
        """A fresh folder for half-made files. One process at a time has it; another waits and says so."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / f".{self.folder.name}.lock")
        step = f"wait {self.family.name}"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.start(step, f"Waiting: another command is making the tools of {self.family.name}")
            lock.acquire()
            progress.done(step)
        try:
            # Whoever left a folder here held the lock, and does so no more: it was killed.
            draft = self.root / f".{self.folder.name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            yield draft
            shutil.rmtree(draft, ignore_errors=True)
        finally:
            lock.release()


def shelf(cache: Path, family: Family) -> Shelf:
    """The shelf of `family` below the user's `cache`."""
    return Shelf(cache / "toolchain", family)
