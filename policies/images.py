"""What rules ask of images of our own: which they are, and which bytes of them were proven."""

from __future__ import annotations

from components.model.own_images import own_images


def proven() -> dict[str, str]:
    """The digest of each container image of our own that is pinned, by name."""
    return {name: image.digest for name, image in sorted(own_images().items()) if image.kind == "container"}


def name(reference: str) -> str:
    """The last part of an image's repository: `guard` of `registry.example:5000/own/guard:1@sha256:...`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
