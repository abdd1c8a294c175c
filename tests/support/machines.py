"""Tests that boot machines (marker `nodes`) run with `make test-nodes`; elsewhere they skip."""

from __future__ import annotations

import os

import pytest

SWITCH = "BASTIDE_TEST_NODES"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(SWITCH):
        return
    skip = pytest.mark.skip(reason="`make test-nodes` runs this")
    for item in items:
        if item.get_closest_marker("nodes"):
            item.add_marker(skip)
