"""A folder of charts: each archive is what the catalogue pins, and what the folder's SHA256SUMS states."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from components.upstream.catalog import Chart

SUMS = "SHA256SUMS"


class MirrorError(Exception):
    """A folder does not hold the charts that are pinned; the message names all that is wrong."""


def check(folder: Path, charts: Iterable[Chart]) -> None:
    """Raises `MirrorError` where a chart is missing, not listed in SHA256SUMS, or not what that states."""
    stated = _sums(folder)
    wrong = [problem for chart in charts if (problem := _problem(folder, chart, stated))]
    if wrong:
        listed = "\n".join(f"- {problem}" for problem in wrong)
        raise MirrorError(
            f"upstream.mirror {folder}:\n{listed}\nFetch each with `helm pull`, then write `sha256sum *.tgz "
            f"> {SUMS}` on a machine that you trust, or choose `upstream: {{mode: external}}`."
        )


def _sums(folder: Path) -> dict[str, str]:
    """The digests by file name, as sha256sum writes them; none where there is no such file."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.strip().removeprefix("*"): digest for digest, name in pairs}


def _problem(folder: Path, chart: Chart, stated: dict[str, str]) -> str:
    """What is wrong with one archive, empty where nothing is."""
    path, wanted = folder / chart.archive, chart.digest or stated.get(chart.archive)
    if not path.is_file():
        return f"{chart.archive} is not there ({chart.chart} {chart.version} of {chart.source})"
    if wanted is None:
        return f"{chart.archive} is not listed in {SUMS}"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted.removeprefix("sha256:"):
        return f"{chart.archive} has the digest {found}, not {wanted}"
    return ""
