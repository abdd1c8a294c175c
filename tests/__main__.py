"""`make test`: everything that must hold, in one command, each part's duration printed.

Lint and types first, because they are quick; then the tests on all cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from cli.nodes import ansible
from tests.support import packages
from twin import api
from twin.errors import TwinError
from twin.settings import TwinSettings
from twin.toolchain.tools import GATEWAY_TOOLS

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STATIC = {
    "packages of images": packages.COMMAND,
    "lock": ["uv", "lock", "--check", "--quiet", "--offline"],
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "types": ["mypy"],
}


def run(
    name: str, command: list[str], folder: Path = ROOT, variables: Mapping[str, str] | None = None
) -> bool:
    begun = time.monotonic()
    environ = {**os.environ, **(variables or {})}
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=folder, env=environ, check=False)
    verdict = "ok" if done.returncode == 0 else f"FAILED (exit {done.returncode})"
    print(f"== {name}: {verdict} in {time.monotonic() - begun:.0f} s", flush=True)
    return done.returncode == 0


def lint_roles() -> bool:
    """The collection, by the strictest profile of ansible-lint."""
    with tempfile.TemporaryDirectory() as place:
        variables = {
            "ANSIBLE_COLLECTIONS_PATH": str(ansible.link(Path(place))),
            "ANSIBLE_HOME": place,
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        command = ["ansible-lint", "--offline", "--nocolor", "-q"]
        return run("roles", command, ansible.COLLECTION, variables)


def main() -> int:
    verdicts = [run(name, command) for name, command in STATIC.items()]  # all of them, even after a failure
    verdicts.append(lint_roles())
    good = all(verdicts)
    if "--only-static" in sys.argv:
        return 0 if good else 1
    settings = TwinSettings.of("tests")
    api.resolve_toolchain(settings, api.Lines())
    try:
        api.resolve_toolchain(settings, api.Lines(), GATEWAY_TOOLS)
    except TwinError as error:
        print(f"== the tests of the real gateway will be skipped: {error}", flush=True)
    workers = os.environ.get("BASTIDE_TEST_WORKERS", str(os.cpu_count() or 2))
    tests = run("tests", ["pytest", "-n", workers, *sys.argv[1:]])
    return 0 if good and tests else 1


if __name__ == "__main__":
    sys.exit(main())
