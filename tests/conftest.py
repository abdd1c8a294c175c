"""Support code of all tests."""

from __future__ import annotations

pytest_plugins = ["tests.support.results", "tests.support.plane", "tests.support.engine"]
