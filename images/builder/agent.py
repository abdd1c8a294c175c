"""The guest's agent: one static program of Go, from its pinned modules."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from images.builder import golang
from images.builder.errors import ImageError, failed
from images.builder.packages import Package
from twin.errors import TwinError
from twin.progress import Silent
from twin.settings import TwinSettings
from twin.toolchain.build import go_environment
from twin.toolchain.golang import find_go, needed_version, toolchain_for

_FLAGS: Final = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")


def build(source: Path, into: Path) -> Path:
    """Compile the program in `source` to the file `agent` in the folder `into`.

    The same source and release of Go give the same bytes. Raises `ImageError` with the compiler's last lines.
    """
    program = into / "agent"
    done = _go(source, "build", *_FLAGS, "-o", str(program), ".")
    if done.returncode != 0:
        raise failed("agent", f"go build of {source} failed", done.stderr)
    return program


def check(source: Path) -> subprocess.CompletedProcess[str]:
    """Run the program's own tests."""
    return _go(source, "test", "-mod=readonly", "./...")


def release(source: Path) -> str:
    """The release of Go that compiles the program here, such as `go1.26.8`. Raises `ImageError`."""
    return _go(source, "env", "GOVERSION").stdout.strip()


def modules(program: Path) -> list[Package]:
    """What the program was linked from: its modules and Go's own library."""
    found = golang.modules(program.read_bytes()).items()
    return [
        Package(kind="golang", name=name, version=version.replace("(devel)", "")) for name, version in found
    ]


def _go(source: Path, *words: str) -> subprocess.CompletedProcess[str]:
    needed = needed_version(source / "go.mod")
    try:
        go = find_go(TwinSettings.of("images").cache, needed, Silent())
    except TwinError as error:
        raise ImageError(f"agent: {error.problem}", error.mend) from error
    environ = {
        **go_environment(),
        "GOTOOLCHAIN": toolchain_for(go, needed),
        "GOOS": "linux",
        "GOARCH": "amd64",
    }
    return subprocess.run(
        [str(go), *words], cwd=source, env=environ, capture_output=True, text=True, check=False
    )
