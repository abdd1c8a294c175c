"""What a resolved toolchain is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Origin(StrEnum):
    """How a tool was had."""

    FOLDER = "folder"
    """From the folder that BASTIDE_TOOLS names."""
    CACHE = "cache"
    """Built or fetched before."""
    INSTALLED = "installed"
    """Found on PATH in a fitting version."""
    DOWNLOADED = "downloaded"
    """The publisher's own release, checked against its checksum."""
    BUILT = "built"
    """Built now from pinned modules."""


@dataclass(frozen=True, kw_only=True)
class ResolvedTool:
    """An executable and where it came from; `version` without a leading `v`."""

    name: str
    path: Path
    version: str
    origin: Origin


@dataclass(frozen=True)
class Toolchain:
    """All tools by name."""

    tools: Mapping[str, ResolvedTool]

    @property
    def programs(self) -> dict[str, Path]:
        return {name: tool.path for name, tool in self.tools.items()}

    @property
    def summary(self) -> str:
        """One line for people: how many tools came from where."""
        counts = Counter(str(tool.origin) for tool in self.tools.values())
        return f"{len(self.tools)} tools: " + ", ".join(
            f"{count} {origin}" for origin, count in counts.items()
        )
