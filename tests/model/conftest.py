"""The tests of the configuration have images pinned that no release changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.model import images
from components.model.own_images import OwnImage, read
from components.upstream import catalog

PINNED = Path(__file__).with_name("images.yaml")


@pytest.fixture(name="pinned", autouse=True)
def _pinned(monkeypatch: pytest.MonkeyPatch) -> dict[str, OwnImage]:
    """What is pinned, as far as the rules and the blocks see; a test may take something away."""
    found = dict(read(PINNED))
    for module in (images, catalog):
        monkeypatch.setattr(module, "own_images", lambda: found)
    return found
