"""From a catalogue to the file that components and policies read digests from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from images.builder.catalogue import Catalogue, Entry
from images.builder.errors import ImageError
from images.builder.layout import replace


def pin(catalogue: Catalogue, target: Path, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Write the digests of proven images into `target`; the names whose entries changed.

    `names` are the images to pin, the others stay as they are; without any, the file has what the catalogue
    has and no more. The comments at its head stay. Raises `ImageError`, with nothing written, for an image
    that no test has proven.
    """
    wanted = {name: catalogue.entry(name) for name in names} or dict(catalogue.images)
    if unproven := sorted(name for name, entry in wanted.items() if not entry.proven):
        raise ImageError(
            f"not proven by any test: {', '.join(unproven)}", "prove them: make images; then sign and pin"
        )
    text = target.read_text()
    before: dict[str, Any] = yaml.safe_load(text)["images"]
    pinned = {name: _pinned(entry) for name, entry in wanted.items()}
    after = {**before, **pinned} if names else pinned
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    body = yaml.safe_dump({"images": after}, sort_keys=True, width=200)
    if (content := f"{head}{body}") != text:
        replace(target, content.encode())
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _pinned(entry: Entry) -> dict[str, Any]:
    files = {title: file.digest for title, file in entry.files.items()}
    return {"kind": entry.kind, "digest": entry.digest, "files": files}
