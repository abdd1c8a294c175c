"""Rules on images of our own: what a configuration names is what was proven."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.model.draft import FOUNDATION, PLATFORM, Draft
from components.model.errors import MISSING, ConfigProblem
from components.model.own_images import PREFIX, OwnImage, own_images

_NODE: Final = f"{PREFIX}node-"
_PIN: Final = "Build, prove, sign and pin it (docs/how-to/images.md); an image of others needs another name."


def guard(draft: Draft) -> Iterator[ConfigProblem]:
    """A guard that is not named is ours: from the platform's registry, by the digest that is pinned."""
    if draft.platform is None or draft.gateway is None or draft.gateway.guardrails.image is not None:
        return
    path = ("gateway", "guardrails", "image")
    if draft.platform.platform.registry is None:
        rule = "must be given where `bastide:platform` has no `registry` to take our own guard from"
        yield draft.problem(PLATFORM, path, MISSING, rule, "Add `registry` to `bastide:platform`.")
    if "guard" not in own_images():
        rule = "must be given: no guard of ours is pinned in components/upstream/images.yaml"
        mend = "Name an image by digest, or build and pin ours (docs/how-to/images.md)."
        yield draft.problem(PLATFORM, path, MISSING, rule, mend)


def node_images(draft: Draft) -> Iterator[ConfigProblem]:
    """An image that has the name of one of ours has the bytes of ours, which are pinned."""
    ours = {f"{PREFIX}{name}": image for name, image in own_images().items() if image.kind == "disk"}
    for i, site in enumerate(draft.foundation.sites if draft.foundation else ()):
        for j, image in enumerate(site.openstack.images if site.openstack else ()):
            path = ("sites", i, "openstack", "images", j)
            if image.name not in ours:
                if image.name.startswith(_NODE):
                    rule = "must be pinned: no node image of that name is in components/upstream/images.yaml"
                    yield draft.problem(FOUNDATION, (*path, "name"), image.name, rule, _PIN)
                continue
            allowed = _digests(ours[image.name], image.format)
            if image.digest not in allowed:
                rule = f"must be what is pinned for `{image.name}` as {image.format}"
                mend = f"Write `{allowed[0]}`." if allowed else "Choose another format."
                yield draft.problem(FOUNDATION, (*path, "digest"), image.digest, rule, mend)


def _digests(image: OwnImage, form: str) -> list[str]:
    return [digest for title, digest in sorted(image.files.items()) if title.endswith(f".{form}")]


RULES = (guard, node_images)
