"""What the Upstream component takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.model import UpstreamSettings
from components.upstream.catalog import Chart


@dataclass(frozen=True, kw_only=True)
class UpstreamArgs:
    """`charts` are in order of installation; `values` are by a chart's name, over those of the catalogue.

    `owner` and `cost_center` are the platform's own. `protect` forbids to delete definitions: all objects of
    their kinds would go with them.
    """

    environment: str
    settings: UpstreamSettings
    charts: tuple[Chart, ...]
    values: Mapping[str, Mapping[str, Any]]
    owner: str
    cost_center: str
    protect: bool


@dataclass(frozen=True, kw_only=True)
class UpstreamOutputs:
    """Names and versions of the software: each is installed, or somebody else's, or stood in for."""

    installed: tuple[str, ...]
    external: tuple[str, ...]
    stand_ins: tuple[str, ...]
