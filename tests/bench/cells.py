"""Cells in the code sandbox: the first after a cold start, and one in a sandbox that runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from images.builder.definition import load
from images.builder.layout import Layout
from tests.bench.benches import Place
from tests.bench.measure import Figure, timed
from tests.support.command import BASTIDE
from tests.support.images import podman
from tests.support.images.podman import Container, Engine

IMAGE = "code"
CELL = {"language": "python", "code": "6 * 7"}
FLOOR = ("/usr/bin/python3", "-c", "print(6 * 7)")
WARM = 0.1
"""Seconds that requirement S8 allows a warm cell."""


@contextmanager
def _loaded(place: Place) -> Iterator[tuple[Engine, str]]:
    store = place.folder / "cells"
    timed([BASTIDE, "images", "build", IMAGE, "--store", store], os.environ)
    with podman.engine() as engine:
        yield engine, engine.load(Layout(store), IMAGE)


def cell_cold(place: Place) -> Figure:
    """From nothing to a first result."""
    figure = Figure(
        name="cell_cold",
        what="`podman run` of the code image until its first cell (Python) has its result",
        peer_is="floor: `podman run` of the same image with `python3 -c` in place of the server",
    )
    with _loaded(place) as (engine, image):
        return figure.take(lambda: _first(engine, image), lambda: _bare(engine, image))


def cell_warm(place: Place) -> Figure:
    """In a sandbox that runs, without a session: a process of its own for each cell."""
    return _warm(place, "cell_warm", {})


def cell_session(place: Place) -> Figure:
    """In a session."""
    return _warm(place, "cell_session", {"session": "bench"})


def _warm(place: Place, name: str, fields: dict[str, str]) -> Figure:
    figure = Figure(
        name=name,
        what="a cell (Python) in a running code sandbox, over HTTP" + (", in a session" if fields else ""),
        peer_is="floor: `podman exec` of `python3 -c` in the same container",
        relation="seconds",
        aim=WARM,
    )
    with _loaded(place) as (engine, image), engine.container(image, writable=_writable()) as container:
        container.until_well()
        return figure.take(
            lambda: _taken(lambda: _answered(container, fields)),
            lambda: _taken(lambda: container.exec(*FLOOR).check_returncode()),
        )


def _writable() -> tuple[str, ...]:
    spec = load(IMAGE).container
    return spec.writable if spec else ()


def _answered(container: Container, fields: dict[str, str]) -> None:
    answer = container.ask("POST", "/v1/cells", {**CELL, **fields})
    if answer.json()["result"] != "42":
        raise SystemExit(f"the cell has no result: {answer.body!r}")


def _first(engine: Engine, image: str) -> float:
    begun = time.perf_counter()
    with engine.container(image, writable=_writable()) as container:
        container.until_well()
        _answered(container, {})
        return time.perf_counter() - begun


def _bare(engine: Engine, image: str) -> float:
    line = ("run", "--rm", "--network=none", "--read-only", f"--entrypoint={FLOOR[0]}", image, *FLOOR[1:])
    return _taken(lambda: engine.run(*line))


def _taken(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


ALL = [cell_cold, cell_warm, cell_session]
