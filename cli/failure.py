"""Turn an exception into a plain message and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

from cli.check import render
from cli.outcome import CliError, Exit
from components.cluster import UnreachableError
from components.model.errors import ConfigError
from components.model.outputs import OutputsError
from images.builder.errors import ImageError
from twin.errors import TwinError


def explain(error: Exception) -> Exit:
    """Print `error` for a person, on standard error. BASTIDE_DEBUG=1 adds the traceback."""
    if os.environ.get("BASTIDE_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, ConfigError):
        sys.stderr.write(render(error.problems, color=sys.stderr.isatty()) + "\n")
        return Exit.CONFIG
    if isinstance(error, CliError):
        _say(error.message, error.mend)
        return error.code
    if isinstance(error, (TwinError, ImageError)):
        _say(error.problem, error.mend)
        return Exit.UNREACHABLE if isinstance(error, TwinError) else Exit.IMAGE
    if isinstance(error, OutputsError):
        _say(str(error), "")
        return Exit.UPDATE
    if isinstance(error, UnreachableError):
        _say(str(error), "bastide status ENV shows what runs")
        return Exit.UNREACHABLE
    _say(f"{type(error).__name__}: {error}", "BASTIDE_DEBUG=1 shows where; please report it")
    return Exit.FAILED


def _say(message: str, mend: str) -> None:
    sys.stderr.write(f"bastide: {message}\n" + (f"  mend: {mend}\n" if mend else ""))
