"""The catalogue is whole, all that it pins is used, and nothing is pinned elsewhere."""

from __future__ import annotations

import re

from components.upstream import catalog
from tests.support.command import ROOT

FIELDS = {"source", "version", "digest", "licence"}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SOURCES = [
    path
    for folder in ("components", "stacks", "cli", "twin")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
]


def test_every_image_is_whole_and_named_by_digest() -> None:
    images = catalog.entries("images")
    assert images
    for name, entry in images.items():
        assert set(entry) == FIELDS, name
        assert DIGEST.fullmatch(entry["digest"]), name
        assert catalog.image(name).endswith(f"@{entry['digest']}")


def test_every_image_is_used() -> None:
    texts = [path.read_text() for path in SOURCES]
    for name in catalog.entries("images"):
        assert any(f'image("{name}")' in text for text in texts), f"{name} is pinned, but not used"


def test_nothing_is_pinned_elsewhere() -> None:
    assert len(SOURCES) > 50
    strays = [str(path) for path in SOURCES if DIGEST.search(path.read_text())]
    assert strays == []
