"""The tests of the configuration have images pinned that no release changes."""

from __future__ import annotations

import pytest

from components.model.own_images import OwnImage


@pytest.fixture(autouse=True)
def _stable(pinned: dict[str, OwnImage]) -> None:
    """For every test here."""
