"""Building an image: from nothing beside the bootstrapping of any builder, and when nothing changed."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

from images.builder import debian
from images.builder.definition import load
from tests.bench.benches import Place
from tests.bench.measure import Figure, timed
from tests.support.command import BASTIDE

IMAGE = "code"


def image_cold(place: Place) -> Figure:
    figure = Figure(
        name="image_cold",
        what=f"`bastide images build {IMAGE}` into an empty store, packages from the mirror",
        peer_is="mmdebstrap with the same packages, a tar archive",
    )
    archive = debian.read_archive()
    store, number = place.folder / "images", itertools.count()

    def ours() -> float:
        return _build(store.with_name(f"images-{next(number)}"))

    def peer() -> float:
        target = place.folder / "peer.tar"
        return _taken(lambda: debian.bootstrap(archive, load(IMAGE).packages, target))

    return figure.take(ours, peer)


def image_again(place: Place) -> Figure:
    figure = Figure(
        name="image_again",
        what=f"`bastide images build {IMAGE}` where nothing has changed",
        peer_is="`bastide images list`, which reads the same definitions and the catalogue",
    )
    store = place.folder / "images-again"
    _build(store)
    listing = [BASTIDE, "images", "list", "--store", store]
    return figure.take(lambda: _build(store), lambda: timed(listing, os.environ))


def _build(store: Path) -> float:
    return timed([BASTIDE, "images", "build", IMAGE, "--store", store], os.environ)


def _taken(what: Callable[[], None]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


ALL = [image_cold, image_again]
