"""Building a tool from its pinned module."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twin.errors import TwinError
from twin.progress import Progress
from twin.toolchain.network import offline
from twin.toolchain.store import Shelf
from twin.toolchain.tools import Tool

_LAST: Final = 15
_FETCHING: Final = "go: downloading "


_STALE: Final = "{{if .Stale}}{{.ImportPath}}{{end}}"
_FLAGS: Final = ("-mod=readonly", "-trimpath", "-buildvcs=false")


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Builds tools of one family with `go`, in the folder `drafts`, into `shelf`."""

    go: Path
    shelf: Shelf
    drafts: Path
    progress: Progress
    toolchain: str = "local"
    """Go's GOTOOLCHAIN: the version of Go that compiles."""

    def build(self, tool: Tool) -> Path:
        """Compile `tool`. Go's build cache keeps what is compiled, so a retry goes on from there.

        Raises `TwinError` with the last lines of the compiler.
        """
        step = f"build {tool.name}"
        name = f"{tool.name} {tool.family.version}"
        self.progress.start(step, f"Building {name} from source")
        draft = self.drafts / tool.name
        try:
            stale = self._run(tool, ["list", "-deps", "-f", _STALE, *_FLAGS, tool.package])
            linker = f"-ldflags={tool.family.linker()}"
            line = ["build", "-v", *_FLAGS, linker, "-o", str(draft), tool.package]
            self._run(tool, line, total=len(stale))
        except TwinError as error:
            self.progress.fail(step, error.problem.splitlines()[0])
            raise
        path = self.shelf.keep(draft, tool.name)
        self.progress.done(step, name)
        return path

    def _run(self, tool: Tool, line: list[str], total: int = 0) -> list[str]:
        """Run `go`; tell the modules that it fetches and, of `total`, the packages that it compiles."""
        step = f"build {tool.name}"
        last: deque[str] = deque(maxlen=_LAST)
        packages: list[str] = []
        with subprocess.Popen(
            [str(self.go), *line],
            cwd=tool.family.folder,
            env={**go_environment(), "GOTOOLCHAIN": self.toolchain},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for text in filter(None, map(str.rstrip, process.stdout or ())):
                    last.append(text)
                    if text.startswith(_FETCHING):
                        self.progress.tick(step, len(packages), total, f"module {text.split()[2]}")
                        continue
                    packages.append(text)
                    if total:
                        self.progress.tick(step, min(len(packages), total), total, text)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise _failed(tool, line[0], process.returncode, last)
        return packages


def go_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables for `go`: static programs, nothing of the user's own flags, no other Go fetched."""
    fixed = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    closed = {"GOPROXY": "off"} if offline(environ) else {}
    return {**environ, **fixed, **closed}


def _failed(tool: Tool, verb: str, code: int, last: Iterable[str]) -> TwinError:
    told = "\n".join(f"    {text}" for text in last)
    return TwinError(
        f"go {verb} of {tool.name} {tool.family.version} failed (exit {code}):\n{told}",
        "mend what is named above (often: no room left, or the module proxy out of reach; GOPROXY names "
        "another) and run it again: it goes on where it stopped. BASTIDE_TOOLS takes ready tools",
    )
