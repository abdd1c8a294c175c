"""Images of our own that are pinned as far as a test sees: a release changes the real file."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.model import images
from components.model.own_images import OwnImage, read
from components.upstream import catalog
from policies import images as judged

FILE = Path(__file__).with_suffix(".yaml")


@pytest.fixture(name="pinned")
def _pinned(monkeypatch: pytest.MonkeyPatch) -> dict[str, OwnImage]:
    """What is pinned for the rules and the blocks; a test may take something away."""
    found = dict(read(FILE))
    for module in (images, catalog, judged):
        monkeypatch.setattr(module, "own_images", lambda: found)
    return found
