"""Run `bastide` in this process, which saves the start of another one; see tests.support.command."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from cli.failure import explain
from cli.main import app
from tests.support.command import Done


def invoke(*args: str | Path, env: Mapping[str, str], stdin: str = "") -> Done:
    """What `bastide` says to these arguments, as `cli.main.main` would end it."""
    done = CliRunner().invoke(app, [str(arg) for arg in args], env=dict(env), input=stdin)
    if done.exception is None or isinstance(done.exception, SystemExit):
        return Done(done.exit_code, done.stdout, done.stderr)
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        code = explain(done.exception) if isinstance(done.exception, Exception) else 130
    return Done(int(code), done.stdout, done.stderr + told.getvalue())


def usage(*args: str | Path, env: Mapping[str, str]) -> Done:
    """`bastide usage twin`."""
    return invoke("usage", "twin", *args, env=env)
