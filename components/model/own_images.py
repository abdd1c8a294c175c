"""Our own images as they were proven: what `components/upstream/images.yaml` pins, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

FILE: Final = Path(__file__).parents[1] / "upstream" / "images.yaml"
PREFIX: Final = "bastide-"
"""What stands before an image's name where others have images too: in an OpenStack site."""


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """One image: `digest` is its manifest's, `files` are the digests of its files by title."""

    name: str
    kind: str
    digest: str
    files: Mapping[str, str]

    def reference(self, registry: str) -> str:
        """How a pod names it, in a registry that holds it: `registry.example/guard@sha256:...`."""
        return f"{registry}/{self.name}@{self.digest}"


@cache
def own_images() -> Mapping[str, OwnImage]:
    """All that is pinned, by name; nothing before the first release."""
    return read(FILE)


def read(path: Path) -> Mapping[str, OwnImage]:
    """The images of such a file."""
    listed = yaml.safe_load(path.read_text())["images"]
    return {name: OwnImage(name=name, **entry) for name, entry in listed.items()}
