"""The folder `bin` of a twin: its tools, and stand-ins for plug-ins that cannot be had."""

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

_MARK: Final = "# A stand-in of Bastide's: the official plug-in was not found."


@dataclass(frozen=True, kw_only=True)
class Plug:
    """A plug-in of the engine: its program, our stand-in's module, and its folder under ~/.pulumi/plugins."""

    program: str
    module: str
    installed: str = ""


def plugs() -> tuple[Plug, ...]:
    """The plug-ins that the stacks need."""
    kubernetes = f"resource-kubernetes-v{version('pulumi-kubernetes')}"
    return (
        Plug(program="pulumi-language-python", module="twin.plugins.python"),
        Plug(program="pulumi-resource-kubernetes", module="twin.plugins.kubernetes", installed=kubernetes),
    )


def install_bin(
    settings: TwinSettings, toolchain: Toolchain, environ: Mapping[str, str] = os.environ
) -> None:
    """Make `settings.bin` anew: a link per tool, and per plug-in a link to the official one or a stand-in."""
    settings.bin.mkdir(parents=True, exist_ok=True)
    for name, program in toolchain.programs.items():
        _link(settings.bin / name, program)
    for plug in plugs():
        official = official_plug(plug, settings, toolchain, environ)
        if official:
            _link(settings.bin / plug.program, official)
        else:
            write(settings.bin / plug.program, _stand_in(plug), 0o755)


def stand_ins(settings: TwinSettings) -> list[str]:
    """The plug-ins in `settings.bin` that are stand-ins; none before the first `install_bin`."""
    return [plug.program for plug in plugs() if _is_stand_in(settings.bin / plug.program)]


def official_plug(
    plug: Plug, settings: TwinSettings, toolchain: Toolchain, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """The official plug-in: on PATH, beside the engine, or where `pulumi plugin install` puts it."""
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    folders = [folder for folder in folders if folder.resolve() != settings.bin]
    folders.append(toolchain.tools["pulumi"].path.resolve().parent)
    if plug.installed:
        user = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        folders += [home / "plugins" / plug.installed for home in (user, settings.home / "pulumi")]
    for folder in folders:
        found = shutil.which(plug.program, path=folder)
        if found and not _is_stand_in(Path(found)):
            return Path(found)
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
