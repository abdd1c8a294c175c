"""The third-party software that the platform's blocks build on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from components.model import Platform
from components.upstream import catalog, mirror
from components.upstream.args import UpstreamArgs
from components.upstream.component import Upstream


def deploy(
    environment: str, platform: Platform, values: Mapping[str, Mapping[str, Any]], *, protect: bool
) -> Upstream:
    """All of the catalogue, with `values` by chart.

    A mirror that is a folder is checked as a whole before anything is registered: raises `pulumi.RunError`.
    """
    settings, charts = platform.upstream, catalog.charts()
    if settings.mirror and settings.mirror.startswith("/"):
        try:
            mirror.check(Path(settings.mirror), (chart for chart in charts if not chart.provided))
        except mirror.MirrorError as error:
            raise pulumi.RunError(str(error)) from None
    return Upstream(
        "upstream",
        UpstreamArgs(
            environment=environment,
            settings=settings,
            charts=charts,
            values=values,
            owner=platform.platform.owner,
            cost_center=platform.platform.cost_center,
            protect=protect,
        ),
    )
