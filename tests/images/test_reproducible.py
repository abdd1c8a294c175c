"""Two builds agree on every byte: image, SBOM and provenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from images.builder.build import Order, build
from images.builder.definition import load
from images.builder.layout import Layout
from tests.images.conftest import Image, archive


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.images(name)) for name in ("guest", "gym")]
)
def test_a_second_build_gives_the_same_bytes(
    name: str, image: Callable[[str], Image], tmp_path: Path
) -> None:
    definition = load(name)
    order = Order(archive=archive(definition.components), tell=lambda text: None)
    ((_, entry, new),) = build(definition, Layout(tmp_path / "store"), order)
    assert new
    assert entry == image(name).entry.model_copy(update={"proven": ()})
