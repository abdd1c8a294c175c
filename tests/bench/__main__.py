"""`make bench`: figures as JSON on standard output and in `docs/reference/benchmarks.json`.

Names of figures as arguments take only those, and keep the others of the last report.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench import benches, cells, gateway, guests, images, inventory, latency, usage
from tests.bench.measure import RUNS, Figure
from tests.bench.page import FIGURES


def take(chosen: list[str], place: benches.Place) -> Iterator[Figure]:
    """The figures chosen by name, all where none is named."""
    modules = (benches, cells, gateway, guests, images, inventory, usage)
    every: list[Callable[[benches.Place], Figure]] = [bench for module in modules for bench in module.ALL]
    yield from (bench(place) for bench in every if not chosen or bench.__name__ in chosen)
    if not chosen or "gateway_latency" in chosen:
        with latency.house() as house:
            yield from latency.figures(house)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # leave in good order
    chosen = sys.argv[1:]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench") as name, ExitStack() as leaving:
        for figure in take(chosen, benches.Place(folder=Path(name), leaving=leaving)):
            figures.append(figure)
            sys.stderr.write(f"{json.dumps(figure.as_json())}\n")
    taken = {figure.name: figure.as_json() for figure in figures}
    kept = json.loads(FIGURES.read_text())["figures"] if chosen and FIGURES.exists() else []
    report = {
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "runs": RUNS,
        "figures": [figure for figure in kept if figure["name"] not in taken] + list(taken.values()),
    }
    text = json.dumps(report, indent=1)
    FIGURES.write_text(f"{text}\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
