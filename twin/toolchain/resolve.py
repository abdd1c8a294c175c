"""Where each tool comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from twin.errors import TwinError
from twin.progress import Progress, Silent
from twin.settings import TwinSettings
from twin.toolchain.model import Origin, ResolvedTool, Toolchain
from twin.toolchain.probe import version_of
from twin.toolchain.tools import TOOLS, Tool

FOLDER: Final = "BASTIDE_TOOLS"


def resolve_toolchain(
    settings: TwinSettings, progress: Progress | None = None, environ: Mapping[str, str] = os.environ
) -> Toolchain:
    """Every tool in a fitting version."""
    progress = progress or Silent()
    return Toolchain({tool.name: _from_folder(tool, environ) for tool in TOOLS})


def _from_folder(tool: Tool, environ: Mapping[str, str]) -> ResolvedTool:
    folder = environ.get(FOLDER, "")
    path = Path(folder) / tool.name
    version = version_of(path, tool.asks) if path.is_file() else None
    if version is None or not tool.family.fits(version):
        raise TwinError(
            f"{FOLDER}={folder}: {tool.name} {version or 'is missing or does not say its version'}, "
            f"needed: {tool.family.version}",
            f"put a fitting {tool.name} there, or unset {FOLDER}",
        )
    return ResolvedTool(name=tool.name, path=path, version=version, origin=Origin.FOLDER)
