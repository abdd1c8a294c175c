"""What the verbs do, apart from the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.console import Steps
from cli.outcome import CliError, Exit
from images.builder import definition
from images.builder.build import Order
from images.builder.build import build as built
from images.builder.catalogue import Catalogue, Entry
from images.builder.debian import read_archive
from images.builder.layout import Layout
from twin.settings import TwinSettings


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How to build: where Debian, programs of roles and Python packages come from, and whether always."""

    mirror: str = ""
    bundle: Path | None = None
    digest: str = ""
    wheels: Path | None = None
    again: bool = False


def store(folder: Path | None) -> Layout:
    """The store in `folder`, or the user's."""
    return Layout((folder or TwinSettings.of("images").cache / "images").resolve())


def build(names: Sequence[str], into: Layout, wanted: Wanted, steps: Steps) -> list[dict[str, Any]]:
    """Build the images `names`, or all; rows as `rows` gives them, `new` where it was built now.

    All definitions are read before the first is built. Raises `ImageError`, and `CliError` on wrong words.
    """
    if bool(wanted.bundle) != bool(wanted.digest):
        raise CliError(
            Exit.USAGE, "--bundle and --digest go together", "bastide nodes bundle DIR prints the digest"
        )
    definitions = [definition.load(name) for name in (names or definition.names())]
    found = []
    with steps.step("Ask the archive") as step:
        archive = read_archive(wanted.mirror)
        step.note = f"Debian, as of {archive.dated()[:10]}"
    for each in definitions:
        with steps.step(each.title) as step:
            order = Order(
                archive=dataclasses.replace(archive, components=each.components),
                tell=step.tell,
                bundle=wanted.bundle,
                digest=wanted.digest,
                wheels=wanted.wheels,
                again=wanted.again,
            )
            made = list(built(each, into, order))
            step.note = ", ".join(f"{name} {'built' if new else 'unchanged'}" for name, _, new in made)
        found += [{**_row(name, entry), "new": new} for name, entry, new in made]
    return found


def rows(of: Layout) -> list[dict[str, Any]]:
    """All images: those in the store with their digests, the others with none."""
    known = Catalogue.read(of.root).images
    defined = [title for name in definition.names() for title in definition.load(name).titles]
    return [_row(name, known.get(name)) for name in sorted({*defined, *known})]


def _row(name: str, entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {"name": name, "kind": "", "digest": "", "size": 0, "proven": False}
    return {
        "name": name,
        "kind": entry.kind,
        "digest": entry.digest,
        "size": entry.size,
        "proven": bool(entry.proven),
    }
