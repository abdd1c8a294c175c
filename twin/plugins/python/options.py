"""The project's runtime options: which interpreter runs a program."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TOOLCHAINS = ("pip", "poetry", "uv")


class OptionError(ValueError):
    """A runtime option of Pulumi.yaml or PulumiPolicy.yaml cannot be followed."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """The Python that runs a program; `prefix` is its environment, whose packages it sees."""

    executable: Path
    prefix: Path
    toolchain: str

    def environ(self) -> dict[str, str]:
        """This process's environment, with the interpreter's own programs first on PATH."""
        environ = dict(os.environ)
        if self.prefix != Path(sys.base_prefix):
            environ["VIRTUAL_ENV"] = str(self.prefix)
            environ["PATH"] = os.pathsep.join((str(self.executable.parent), environ.get("PATH", "")))
            environ.pop("PYTHONHOME", None)
        return environ

    @property
    def packages(self) -> Path:
        """The folder of installed packages."""
        found = sorted(self.prefix.glob("lib/python3*/site-packages"))
        if not found:
            raise OptionError(f"{self.prefix} holds no lib/python3*/site-packages: make it anew")
        return found[-1]


def _text(options: Mapping[str, Any], key: str) -> str:
    value = options.get(key, "")
    if not isinstance(value, str):
        raise OptionError(f"runtime option {key}: {value!r} is not a string")
    return value


def interpreter(root: Path, options: Mapping[str, Any]) -> Interpreter:
    """The interpreter for a program in `root`.

    The option `virtualenv` names it, relative to `root`; without it `.venv` in `root` where that exists,
    else the environment of this host. Raises OptionError.
    """
    toolchain = _text(options, "toolchain") or "pip"
    if toolchain not in _TOOLCHAINS:
        raise OptionError(f"runtime option toolchain: {toolchain!r} is not one of {', '.join(_TOOLCHAINS)}")
    named = _text(options, "virtualenv")
    if not named and not (root / ".venv").is_dir():
        return Interpreter(executable=Path(sys.executable), prefix=Path(sys.prefix), toolchain=toolchain)
    prefix = Path(os.path.normpath(root / (named or ".venv")))
    executable = prefix / "bin" / "python"
    if not executable.exists():
        raise OptionError(
            f"runtime option virtualenv: {named or '.venv'!r} of {root} leads to {prefix}, which holds no "
            f"bin/python; make it with `python3 -m venv {prefix}` or `uv sync`"
        )
    return Interpreter(executable=executable, prefix=prefix, toolchain=toolchain)
