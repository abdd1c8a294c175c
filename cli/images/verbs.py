"""What the verbs do, apart from the command line."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cli.console import Steps
from cli.outcome import CliError, Exit
from components.model import own_images
from images.builder import definition, signing, vulnerabilities
from images.builder.build import Order
from images.builder.build import build as built
from images.builder.catalogue import Catalogue, Entry, load_signed, sign_catalogue
from images.builder.debian import Archive, mirror_of, read_archive
from images.builder.errors import ImageError
from images.builder.export import export as exported
from images.builder.export import prune as pruned
from images.builder.layout import Layout, user_store
from images.builder.pin import pin as pinned
from images.builder.scan import Scan, security_versions
from images.builder.scan import scan as scanned
from images.builder.verify import differences
from images.builder.verify import verify as verified
from images.builder.vulnerabilities import SEVERITIES

_PASSPHRASE = "COSIGN_PASSWORD"  # noqa: S105  # the variable's name


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
    return Layout(folder.resolve()) if folder else user_store()


def build(names: Sequence[str], into: Layout, wanted: Wanted, steps: Steps) -> list[dict[str, Any]]:
    """Build the images `names`, or all; rows as `rows` gives them, `new` where it was built now.

    All definitions are read before the first is built; one that fails does not keep the others. Raises
    `ImageError` with all that failed, and `CliError` on wrong words.
    """
    if bool(wanted.bundle) != bool(wanted.digest):
        raise CliError(
            Exit.USAGE, "--bundle and --digest go together", "bastide nodes bundle DIR prints the digest"
        )
    chosen = [
        (one, variant)
        for one, variants in map(definition.resolve, names or definition.names())
        for variant in variants or one.variants or ("",)
    ]
    with steps.step("Ask the archive") as step:
        archive = read_archive(wanted.mirror)
        step.note = f"Debian, as of {archive.dated()[:10]}"
    found: list[dict[str, Any]] = []
    refused: list[ImageError] = []
    for each, variant in chosen:
        try:
            found.append(_built(each, variant, into, archive, wanted=wanted, steps=steps))
        except ImageError as error:
            refused.append(error)
    if refused:
        raise ImageError(
            *("\n".join(getattr(error, part) for error in refused) for part in ("problem", "mend"))
        )
    return found


def _built(
    one: definition.Definition, variant: str, into: Layout, archive: Archive, *, wanted: Wanted, steps: Steps
) -> dict[str, Any]:
    with steps.step(f"{one.title}{f', {variant}' if variant else ''}") as step:
        order = Order(
            archive=dataclasses.replace(archive, components=one.components),
            tell=step.tell,
            bundle=wanted.bundle,
            digest=wanted.digest,
            wheels=wanted.wheels,
            again=wanted.again,
        )
        ((name, entry, new),) = built(one, into, order, (variant,))
        step.note = f"{name} {'built' if new else 'unchanged'}"
    return {**_row(name, entry), "new": new}


def rows(of: Layout) -> list[dict[str, Any]]:
    """All images: those in the store with their digests, the others with none."""
    known = Catalogue.read(of.root).images
    defined = [title for name in definition.names() for title in definition.load(name).titles]
    return [_row(name, known.get(name)) for name in sorted({*defined, *known})]


def proofs() -> dict[str, list[str]]:
    """The tests that each image of the user's store has passed."""
    known = Catalogue.read(store(None).root).images
    return {name: [proof.test for proof in entry.proven] for name, entry in known.items()}


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


def key(folder: Path, passphrase_file: Path | None) -> tuple[Path, Path]:
    """Make a pair of keys in `folder`; raises `ImageError`."""
    return signing.generate_key(folder, passphrase(passphrase_file, again=True))


def sign(of: Layout, private: Path, passphrase_file: Path | None) -> Path:
    """Compare every byte with the catalogue, then sign that; the signature's path. Raises `ImageError`."""
    if problems := [*differences(of.root, Catalogue.read(of.root))]:
        raise ImageError("\n".join(problems), "build the images that are named again (--again); then sign")
    return sign_catalogue(of.root, private, passphrase(passphrase_file))


def passphrase(file: Path | None, *, again: bool = False) -> bytes:
    """The passphrase: from the file, else from the variable that cosign reads, else asked of a person."""
    if file is None and not os.environ.get(_PASSPHRASE) and sys.stdin.isatty():
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=again, err=True)).encode()
    return signing.read_passphrase(file, _PASSPHRASE)


def verify(of: Layout, public: Path, steps: Steps) -> list[dict[str, Any]]:
    """The rows of a store that is what its owner signed; raises `ImageError`."""
    with steps.step("Verify") as step:
        found = verified(of.root, public, step.tell)
        step.note = f"{len(found.images)} images, signed by the owner of {public}"
    return [_row(name, entry) for name, entry in sorted(found.images.items())]


def export(of: Layout, names: Sequence[str], into: Path, public: Path) -> list[Path]:
    """Write images as files after their catalogue was verified; the paths. Raises `ImageError`."""
    known = load_signed(of.root, public)
    entries = {name: known.entry(name) for name in (names or sorted(known.images))}
    return [path for name, entry in entries.items() for path in exported(of, name, entry, into)]


@dataclass(frozen=True, kw_only=True)
class Scanning:
    """What tells of weaknesses: data of the operator's, and the mirror unless `offline`; when to fail."""

    data: Path | None = None
    mirror: str = ""
    offline: bool = False
    fail_on: str = ""


def scan(of: Layout, names: Sequence[str], wanted: Scanning) -> tuple[tuple[Scan, ...], Exit]:
    """What is known of images' packages. The code is FINDING where that fails, or where nobody was asked.

    Raises `ImageError`, and `CliError` on a severity that there is not.
    """
    if wanted.fail_on and wanted.fail_on not in SEVERITIES:
        raise CliError(Exit.USAGE, f"--fail-on {wanted.fail_on}", f"choose one of {', '.join(SEVERITIES)}")
    known = Catalogue.read(of.root)
    data = vulnerabilities.read(wanted.data) if wanted.data else None
    security = None if wanted.offline else security_versions(mirror_of(wanted.mirror))
    found = scanned(of, known, names or sorted(known.images), data, security)
    failing = wanted.fail_on and any(each.failing(wanted.fail_on) for each in found)
    asked = all(each.asked for each in found)
    return found, Exit.OK if asked and not failing else Exit.FINDING


def pin(of: Layout, names: Sequence[str], public: Path) -> tuple[str, ...]:
    """Write digests into the catalogue of components; the names that changed. Raises `ImageError`."""
    return pinned(verified(of.root, public), own_images.FILE, names)


def prune(of: Layout) -> list[Path]:
    """What was deleted of a store because nothing consists of it."""
    return [*pruned(of)]
