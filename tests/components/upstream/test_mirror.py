"""A folder of charts is believed only where its sums are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from components.upstream import catalog, mirror

CHARTS = catalog.charts()[1:4]
CONTENT = b"a chart"
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for chart in CHARTS:
        (tmp_path / chart.archive).write_bytes(CONTENT)
    lines = [f"{SUM}  {chart.archive}\n" for chart in CHARTS]
    (tmp_path / mirror.SUMS).write_text("".join(lines))
    return tmp_path


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(mirror.MirrorError) as caught:
        mirror.check(folder, CHARTS)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_whole_mirror_is_taken(folder: Path) -> None:
    mirror.check(folder, CHARTS)


def test_all_problems_come_together(folder: Path) -> None:
    missing, changed, unlisted = (chart.archive for chart in CHARTS)
    (folder / missing).unlink()
    (folder / changed).write_bytes(b"another")
    (folder / mirror.SUMS).write_text(f"{SUM}  {missing}\n{SUM} *{changed}\n")
    refused(
        folder,
        f"{missing} is not there",
        f"{changed} has the digest {hashlib.sha256(b'another').hexdigest()}, not {SUM}",
        f"{unlisted} is not listed in SHA256SUMS",
        "helm pull",
    )


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    refused(tmp_path / "none", *(f"{chart.archive} is not there" for chart in CHARTS))


def test_a_digest_of_the_catalogue_goes_before_the_sums(folder: Path) -> None:
    pinned = replace(CHARTS[0], digest=f"sha256:{'0' * 64}")
    with pytest.raises(mirror.MirrorError, match="not sha256:000"):
        mirror.check(folder, [pinned])
    mirror.check(folder, [replace(pinned, digest=f"sha256:{SUM}")])
