"""Figures of `bastide usage`: how fast records are read and added up."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.measure import Figure, timed
from tests.cli.usagelog import ADA, AGENT, BOB, call, write
from tests.support.command import BASTIDE

if TYPE_CHECKING:
    from tests.bench.benches import Place

RECORDS = 300_000
FLOOR = "import json, sys\nfor line in open(sys.argv[1], 'rb'): json.loads(line)"


def usage_records(place: Place) -> Figure:
    log = write(place.folder / "usage.log", records(RECORDS))
    figure = Figure(
        name="usage",
        what=f"`bastide usage` of {RECORDS:,} records ({log.stat().st_size / 1e6:.0f} MB), start and all",
        peer_is="floor: a process that parses the same lines as JSON and forgets them",
        aim=3.0,
    )
    try:
        return figure.take(
            lambda: _ours(place, log), lambda: timed([sys.executable, "-c", FLOOR, log], place.variables)
        )
    finally:
        log.unlink()


def _ours(place: Place, log: Path) -> float:
    return timed([BASTIDE, "usage", "twin", "--from", log, "--json"], place.variables)


def records(count: int) -> Iterator[str]:
    """Calls of three clients in two months, always the same."""
    chance = random.Random(4)  # noqa: S311 - figures, no secrets
    for number in range(count):
        tokens = chance.randrange(5000)
        yield call(
            request=f"{number:036}",
            client=chance.choice((ADA, BOB, AGENT)),
            time=f"2026-1{chance.randrange(2)}-{chance.randrange(1, 29):02}T10:00:00.000Z",
            input_tokens=tokens,
            cached_input_tokens=tokens // 2,
            output_tokens=chance.randrange(800),
        )


ALL = (usage_records,)
