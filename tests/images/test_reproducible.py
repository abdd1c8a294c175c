"""Two builds agree on every byte: image, SBOM and provenance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from images.builder.build import build
from images.builder.definition import resolve
from images.builder.layout import Layout
from tests.images.conftest import Image, order_of


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.images(name)) for name in ("guest", "gym", "node-generic")],
)
def test_a_second_build_gives_the_same_bytes(
    name: str, image: Callable[[str], Image], tmp_path: Path
) -> None:
    definition, variants = resolve(name)
    first = image(name)
    ((_, entry, new),) = build(
        definition, Layout(tmp_path / "store"), order_of(definition, first.store), variants
    )
    assert new
    assert entry == first.entry.model_copy(update={"proven": ()})
