"""Tests that boot machines or build images have commands of their own; in `make test` they skip, visibly."""

from __future__ import annotations

import os

import pytest

SWITCH = "BASTIDE_TEST_NODES"
IMAGES_SWITCH = "BASTIDE_TEST_IMAGES"
_COMMANDS = {"nodes": (SWITCH, "make test-nodes"), "images": (IMAGES_SWITCH, "make images")}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker, (switch, command) in _COMMANDS.items():
        if os.environ.get(switch):
            continue
        skip = pytest.mark.skip(reason=f"`{command}` runs this")
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(skip)
    wanted = {*os.environ.get(IMAGES_SWITCH, "").split(",")} - {"", "1"}
    if wanted:
        _choose(config, items, wanted)


def _choose(config: pytest.Config, items: list[pytest.Item], images: set[str]) -> None:
    """Of the proofs, leave those of `images`."""
    others = [
        item
        for item in items
        if (marker := item.get_closest_marker("images"))
        and not images & {name.partition("-")[0] for name in marker.args}
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
