"""What catalog.yaml pins, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("catalog.yaml")


@cache
def entries(section: str) -> dict[str, dict[str, Any]]:
    """All entries of a section: `images`."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())[section]
    return found


def image(name: str) -> str:
    """The reference of an image, by digest: `registry.k8s.io/pause@sha256:...`."""
    entry = entries("images")[name]
    return f"{entry['source']}@{entry['digest']}"
