"""Tests that boot machines or build images have commands of their own; in `make test` they skip, visibly."""

from __future__ import annotations

import os

import pytest

SWITCH = "BASTIDE_TEST_NODES"
IMAGES_SWITCH = "BASTIDE_TEST_IMAGES"
_COMMANDS = {"nodes": (SWITCH, "make test-nodes"), "images": (IMAGES_SWITCH, "make images")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, (switch, command) in _COMMANDS.items():
        if os.environ.get(switch):
            continue
        skip = pytest.mark.skip(reason=f"`{command}` runs this")
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(skip)
