"""Support code of all tests."""

from __future__ import annotations

PLUGINS = ("results", "schedule", "plane", "engine", "definitions", "machines", "pinned")
pytest_plugins = [f"tests.support.{name}" for name in PLUGINS]
