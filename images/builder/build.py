"""From definitions to images in the store: what is built already is not built again."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from images.builder import provenance, sbom
from images.builder.catalogue import Catalogue, Entry, File
from images.builder.debian import Archive
from images.builder.definition import Definition, digest_of
from images.builder.errors import ImageError
from images.builder.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout
from images.builder.work import Artifact, Work

HERE: Final = Path(__file__).parent
_FILE: Final = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What one run of the builder is given: the archive, and where else things come from (see `Work`)."""

    archive: Archive
    tell: Callable[[str], None]
    bundle: Path | None = None
    digest: str = ""
    wheels: Path | None = None
    again: bool = False
    """Build although nothing has changed."""


def build(definition: Definition, store: Layout, order: Order) -> Iterator[tuple[str, Entry, bool]]:
    """Build the variants of an image; of each its name, its entry of the catalogue and whether it is new.

    Raises `ImageError`. What was interrupted left nothing but its draft folder, which nobody reads.
    """
    store.create()
    for variant in definition.variants or ("",):
        name = f"{definition.name}-{variant}" if variant else definition.name
        key = inputs(definition, variant, order)
        known = Catalogue.read(store.root).images.get(name)
        if known and known.inputs == key and not order.again:
            yield name, known, False
            continue
        waiting = partial(order.tell, "another build is at work: waiting")
        with store.building(waiting), _draft(name) as folder:
            work = Work(
                folder=folder,
                archive=order.archive,
                tell=order.tell,
                bundle=order.bundle,
                digest=order.digest,
                wheels=order.wheels,
            )
            artifact = _builder(definition.kind)(definition, variant, work)
            yield name, _keep(name, definition, artifact, key=key, store=store, order=order), True


def inputs(definition: Definition, variant: str, order: Order) -> str:
    """SHA-256, in hex, of all that decides about the bytes of an image."""
    parts = [definition.digest(), variant, digest_of(HERE), order.archive.releases, order.digest]
    if definition.python:
        parts.append(digest_of(HERE.parents[1] / "uv.lock"))
    if definition.roles:
        parts.append(digest_of(HERE.parents[1] / "ansible" / "roles"))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _builder(kind: str) -> Callable[[Definition, str, Work], Artifact]:
    """The module of a kind; each is imported when it is needed."""
    found: Callable[[Definition, str, Work], Artifact] = importlib.import_module(
        f"{__package__}.{kind}"
    ).build
    return found


@contextmanager
def _draft(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"bastide-image-{name}-"))
    try:
        yield folder
    except OSError as error:
        mend = (
            "make room there, or name another folder by TMPDIR, and build again: nothing half-built is kept"
        )
        raise ImageError(f"{name}: {folder}: {error.strerror or error}", mend) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep(
    name: str, definition: Definition, artifact: Artifact, *, key: str, store: Layout, order: Order
) -> Entry:
    """Put an artifact and its papers into the store; the catalogue, written last, makes it known."""
    order.tell("store")
    files = {title: _stored(store, title, path, definition) for title, path in artifact.files.items()}
    manifest = store.add_json(_manifest(definition, artifact, list(files.values()), store), MANIFEST)
    digests = {title: each.digest for title, each in files.items()}
    epoch = order.archive.epoch
    listed = sbom.document(name, definition.kind, manifest.digest, epoch, artifact.packages)
    origin = provenance.Origin(
        name=name,
        definition=definition.digest(),
        inputs=key,
        epoch=epoch,
        materials=provenance.materials(order.archive, artifact.packages),
    )
    entry = Entry(
        kind=definition.kind,
        digest=manifest.digest,
        size=sum(each.size for each in files.values()),
        files={title: File(digest=each.digest, size=each.size) for title, each in files.items()},
        inputs=key,
        sbom=store.add_bytes(listed, sbom.MEDIA_TYPE).digest,
        provenance=store.add_bytes(
            provenance.statement(origin, manifest.digest, digests), provenance.MEDIA_TYPE
        ).digest,
        epoch=epoch,
    )
    store.name(name, manifest)
    with store.locked():
        Catalogue.read(store.root).with_entry(name, entry).write(store.root)
    return entry


def _stored(store: Layout, title: str, path: Path, definition: Definition) -> Descriptor:
    if definition.kind == "container":
        return store.add_file(path, LAYER)
    return store.add_file(path, _FILE, title)


def _manifest(
    definition: Definition, artifact: Artifact, files: list[Descriptor], store: Layout
) -> dict[str, Any]:
    """An image where it is a container, else an artifact of our own type with one blob for each file."""
    own = f"application/vnd.bastide.{definition.kind}"
    container = definition.kind == "container"
    config = store.add_json(artifact.config, CONFIG if container else f"{own}.config.v1+json")
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        **({} if container else {"artifactType": f"{own}.v1"}),
        "config": config.as_json(),
        "layers": [each.as_json() for each in files],
    }
