"""The files of an image from the store, each compared with its digest before anything starts from it."""

from __future__ import annotations

from pathlib import Path

from images.builder.catalogue import Entry
from images.builder.layout import Layout


def lay_out(store: Layout, entry: Entry, into: Path) -> Path:
    """Links in the folder `into` to the image's files, by title; raises `ImageError` for a byte that changed.

    The caller has verified the catalogue that `entry` is of.
    """
    into.mkdir(parents=True, exist_ok=True)
    for blob in store.blobs(entry.digest)[1:]:
        (into / blob.title).symlink_to(store.check(blob).resolve())
    return into
