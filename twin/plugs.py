"""The tools of a twin on PATH, and its plug-ins: the official ones, or stand-ins where they cannot be had.

Plug-ins are put where `pulumi plugin install` would put them, in the twin's own PULUMI_HOME: from there the
engine takes them without a warning.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from twin.files import write
from twin.settings import TwinSettings
from twin.toolchain.model import Toolchain
from twin.toolchain.tools import PULUMI

_MARK: Final = "# A stand-in of Bastide's: the official plug-in was not found."


@dataclass(frozen=True, kw_only=True)
class Plug:
    """A plug-in of the engine."""

    program: str
    module: str
    """Our stand-in."""
    installed: str
    """Its folder below `plugins` of a PULUMI_HOME."""

    def place(self, settings: TwinSettings) -> Path:
        """Where the twin's engine finds it."""
        return settings.home / "pulumi" / "plugins" / self.installed / self.program


def plugs() -> tuple[Plug, ...]:
    """The plug-ins that the stacks need."""
    return (
        Plug(
            program="pulumi-language-python",
            module="twin.plugins.python",
            installed=f"language-python-v{PULUMI.version}",
        ),
        Plug(
            program="pulumi-resource-kubernetes",
            module="twin.plugins.kubernetes",
            installed=f"resource-kubernetes-v{version('pulumi-kubernetes')}",
        ),
    )


def install_bin(
    settings: TwinSettings, toolchain: Toolchain, environ: Mapping[str, str] = os.environ
) -> None:
    """Link the tools into `settings.bin`; install each plug-in: a link to the official one, or a stand-in."""
    settings.bin.mkdir(parents=True, exist_ok=True)
    for name, program in toolchain.programs.items():
        _link(settings.bin / name, program)
    for plug in plugs():
        place = plug.place(settings)
        place.parent.mkdir(parents=True, exist_ok=True)
        official = official_plug(plug, toolchain, environ)
        if official:
            _link(place, official)
        else:
            write(place, _stand_in(plug), 0o755)


def stand_ins(settings: TwinSettings) -> list[str]:
    """The plug-ins of the twin that are stand-ins; none before the first `install_bin`."""
    return [plug.program for plug in plugs() if _is_stand_in(plug.place(settings))]


def official_plug(plug: Plug, toolchain: Toolchain, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The official plug-in: on PATH, beside the engine, or where `pulumi plugin install` put it."""
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    folders.append(toolchain.tools["pulumi"].path.resolve().parent)
    user = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folders.append(user / "plugins" / plug.installed)
    for folder in folders:
        found = shutil.which(plug.program, path=folder)
        # Under the twin's own variables PULUMI_HOME is the twin's: a link there names the official one.
        if found and not _is_stand_in(Path(found)):
            return Path(found).resolve()
    return None


def _stand_in(plug: Plug) -> str:
    # -P: a folder named `twin` in the working directory must not be taken for ours.
    return f'#!/bin/sh\n{_MARK}\nexec {shlex.quote(sys.executable)} -P -m {plug.module} "$@"\n'


def _is_stand_in(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > 4096:
        return False
    return _MARK.encode() in path.read_bytes()


def _link(place: Path, target: Path) -> None:
    """Point `place` at `target` in one step."""
    if place.is_symlink() and place.readlink() == target:
        return
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(place)
