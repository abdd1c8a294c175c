"""The twin as its users know it: all that the CLI, the tests and the drills may call.

`resolve_toolchain` and `install_bin` once, then `start`; `environment` gives the variables under which plain
`pulumi` and `kubectl` work on the twin. Every verb may be repeated, and run twice at once.
Failures are `twin.errors.TwinError`, with what is wrong and how to mend it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twin.controlplane.layout import Layout
from twin.controlplane.lifecycle import (
    MemberStatus,
    State,
    plane_status,
    reset_plane,
    start_plane,
    stop_plane,
)
from twin.controlplane.members import MEMBERS
from twin.controlplane.processes import running as process_of
from twin.files import private_folder
from twin.plugs import install_bin, stand_ins
from twin.progress import Lines, Progress, Silent, Teller
from twin.settings import ROOT, TwinSettings
from twin.toolchain import resolve
from twin.toolchain.model import Origin, ResolvedTool, Toolchain
from twin.toolchain.tools import TOOLS, Tool

__all__ = [
    "PASSPHRASE",
    "Lines",
    "MemberStatus",
    "Origin",
    "Progress",
    "ResolvedTool",
    "Silent",
    "Started",
    "State",
    "Teller",
    "ToolStatus",
    "Toolchain",
    "cached",
    "environment",
    "install_bin",
    "reset",
    "resolve_toolchain",
    "running",
    "stand_ins",
    "start",
    "status",
    "stop",
    "tools",
]

PASSPHRASE: Final = "bastide-twin"  # noqa: S105 - see below
"""Well known on purpose: a twin holds no secret of anybody's."""

Watcher = Progress | Callable[[str], None] | None
"""Who is told of progress: a `Progress`, or a function that takes a line of text."""


@dataclass(frozen=True, kw_only=True)
class ToolStatus:
    """A tool as it is on this machine; `path` and `source` are empty where it is not there yet."""

    name: str
    version: str
    path: str
    source: str


@dataclass(frozen=True)
class Started:
    """A control plane that is up."""

    members: tuple[MemberStatus, ...]

    @property
    def summary(self) -> str:
        """One line for people."""
        ports = {member.name: member.port for member in self.members}
        return f"{len(self.members)} members healthy, API on port {ports['kube-apiserver']}"


def resolve_toolchain(
    settings: TwinSettings, progress: Watcher = None, tools: Sequence[Tool] = TOOLS
) -> Toolchain:
    """Find, fetch or build every tool; see `twin.toolchain.resolve`."""
    return resolve.resolve_toolchain(settings, _progress(progress), tools=tools)


def tools(settings: TwinSettings) -> list[ToolStatus]:
    """The tools and where they are now; fetches and builds nothing."""
    found = resolve.find_tools(settings)
    return [_tool_status(tool.name, tool.family.version, found.get(tool.name)) for tool in TOOLS]


def cached(settings: TwinSettings) -> bool:
    """Whether every tool is on this machine, so that nothing needs to be fetched or built."""
    return len(resolve.find_tools(settings)) == len(TOOLS)


def start(settings: TwinSettings, toolchain: Toolchain, progress: Watcher = None) -> Started:
    """Start what does not run, wait until all members are well. Keeps the state of earlier runs."""
    for folder in ("state", "pulumi"):
        private_folder(settings.home / folder)
    return Started(start_plane(settings, toolchain.programs, _progress(progress)))


def stop(settings: TwinSettings) -> None:
    """Stop all members; their data stays."""
    stop_plane(settings)


def status(settings: TwinSettings) -> tuple[MemberStatus, ...]:
    """How each member is."""
    return plane_status(settings)


def running(settings: TwinSettings) -> bool:
    """Whether every member's process runs; asks none of them."""
    layout = Layout(settings.home)
    return all(process_of(layout.record(name)) for name in MEMBERS)


def reset(settings: TwinSettings) -> None:
    """Stop, and delete all that belongs to this twin: certificates, data, logs, the stacks' state."""
    reset_plane(settings)


def environment(settings: TwinSettings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables under which plain `pulumi` and `kubectl` work on this twin."""
    rest = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    path = [str(settings.bin), *(folder for folder in rest if folder != str(settings.bin))]
    return {
        "PATH": os.pathsep.join(path),
        "KUBECONFIG": str(settings.kubeconfig),
        "PULUMI_HOME": str(settings.home / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{settings.home / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # The engine takes the defaults of its flags from PULUMI_OPTION_*: the policies are on without asking.
        "PULUMI_OPTION_POLICY_PACK": str(ROOT / "policies" / "packs" / "charter"),
    }


def _tool_status(name: str, pinned: str, found: ResolvedTool | None) -> ToolStatus:
    if found is None:
        return ToolStatus(name=name, version=pinned, path="", source="")
    return ToolStatus(name=name, version=found.version, path=str(Path(found.path)), source=found.origin)


def _progress(watcher: Watcher) -> Progress | None:
    if watcher is None or isinstance(watcher, Progress):
        return watcher
    return Teller(watcher)
