"""Charts, rendered by the `helm` on PATH where the chart is a local folder or archive."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.plugins.kubernetes.manifests import ManifestError, parse

_TIMEOUT = 300.0
"""Seconds that rendering may take."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A chart and what to render it with. `chart` is a path below the program's folder."""

    chart: str
    name: str
    namespace: str
    values: dict[str, Any] = field(default_factory=dict)
    value_files: tuple[str, ...] = ()
    definitions: bool = True
    version: str = ""


def render(release: Release) -> list[dict[str, Any]]:
    """The chart's objects, without hooks. Raises `ManifestError` where it is not to be had."""
    if not Path(release.chart).exists():
        raise ManifestError(
            f"chart {release.chart!r}: not a local folder or archive, and this stand-in fetches nothing; "
            "download the chart and name its path, or install the official provider"
        )
    helm = shutil.which("helm")
    if helm is None:
        raise ManifestError(
            f"chart {release.chart!r}: there is no `helm` on PATH to render it; install helm, or the "
            "official provider"
        )
    with tempfile.TemporaryDirectory(prefix="bastide-chart-") as folder:
        values = Path(folder) / "values.json"
        values.write_text(json.dumps(release.values))
        command = [
            helm,
            "template",
            release.name,
            release.chart,
            "--namespace",
            release.namespace,
            "--no-hooks",
        ]
        command += [part for file in (*release.value_files, str(values)) for part in ("--values", file)]
        command += ["--include-crds"] if release.definitions else ["--skip-crds"]
        command += ["--version", release.version] if release.version else []
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            raise ManifestError(f"chart {release.chart!r}: helm took over {_TIMEOUT:g} s") from None
    if done.returncode:
        raise ManifestError(f"chart {release.chart!r}: helm could not render it: {done.stderr.strip()}")
    return parse(done.stdout, f"chart {release.chart}")
