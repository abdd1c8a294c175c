"""Run `bastide` and other commands as a user would, and keep what they said."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BASTIDE = Path(sys.executable).parent / "bastide"


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out + self.err


def run(*command: str | Path, env: Mapping[str, str] | None = None, timeout: float = 240) -> Done:
    """Run a command in the checkout with `env` over this process's own variables."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def bastide(*args: str | Path, env: Mapping[str, str] | None = None, timeout: float = 240) -> Done:
    """Run the `bastide` of this environment."""
    return run(BASTIDE, *args, env=env, timeout=timeout)


def exports(env: Mapping[str, str]) -> dict[str, str]:
    """What `bastide env twin` prints under `env`, parsed as a shell would."""
    words = (shlex.split(line)[1].partition("=") for line in bastide("env", "twin", env=env).out.splitlines())
    return {key: value for key, _, value in words}
