"""From definitions to images in the store: what is built already is not built again."""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from images.builder import provenance, sbom
from images.builder.catalogue import Catalogue, Entry, File
from images.builder.debian import Archive
from images.builder.definition import Definition, digest_of
from images.builder.drafts import draft, sweep
from images.builder.errors import ImageError
from images.builder.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout
from images.builder.work import Artifact, Work

HERE: Final = Path(__file__).parent
PAPERS: Final = tuple(
    HERE / name for name in ("build.py", "sbom.py", "provenance.py", "archive.py", "licences.yaml")
)
"""What decides about an image's papers, whatever its kind."""
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


def build(
    definition: Definition, store: Layout, order: Order, variants: Sequence[str] = ()
) -> Iterator[tuple[str, Entry, bool]]:
    """Build variants of an image, all by default; of each its name, its entry and whether it is new.

    Raises `ImageError`. What was killed left drafts, which nobody reads and the next build deletes.
    """
    store.create()
    for variant in variants or definition.variants or ("",):
        name = f"{definition.name}-{variant}" if variant else definition.name
        key = inputs(definition, variant, order)
        known = Catalogue.read(store.root).images.get(name)
        if known and known.inputs == key and not order.again and _whole(store, name, known):
            yield name, known, False
            continue
        waiting = partial(order.tell, "another build is at work: waiting")
        with store.building(waiting), draft(name) as folder:
            for left in (*store.sweep(), *sweep()):
                order.tell(f"deleted what a killed build left: {left}")
            work = Work(
                folder=folder,
                archive=order.archive,
                tell=order.tell,
                bundle=order.bundle,
                digest=order.digest,
                wheels=order.wheels,
            )
            artifact = _builder(definition.kind).build(definition, variant, work)
            yield name, _keep(name, definition, artifact, key=key, store=store, order=order), True


def _whole(store: Layout, name: str, entry: Entry) -> bool:
    """Whether the store has an image with all blobs, by their sizes; `sign` and `verify` compare bytes."""
    try:
        for small in (entry.sbom, entry.provenance):
            store.read(small)
        blobs = store.blobs(entry.digest)
        return store.names().get(name) == entry.digest and all(map(store.has, blobs))
    except ImageError:
        return False


def inputs(definition: Definition, variant: str, order: Order) -> str:
    """SHA-256, in hex, of all that decides about the bytes of an image."""
    builder = _builder(definition.kind)
    parts = [
        *(definition.digest(), variant, order.archive.releases, order.digest),
        *(digest_of(path) for path in (*modules(f"{__package__}.{definition.kind}"), *PAPERS)),
        *(builder.inputs(definition, variant) if hasattr(builder, "inputs") else ()),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def modules(name: str) -> list[Path]:
    """The files of a module of the builder, of those that it imports, and its data files, in order."""
    found: dict[str, Path] = {}
    wanted = [name]
    while wanted:
        each = wanted.pop()
        path = HERE / f"{each.rpartition('.')[2]}.py"
        if each not in found and path.is_file():
            found[each] = path
            wanted += _imported(path)
    data = HERE.glob(f"{name.rpartition('.')[2]}*")
    return sorted({*found.values(), *(path for path in data if path.is_file())})


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == __package__:
            yield from (f"{__package__}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{__package__}."):
            yield str(node.module)


def _builder(kind: str) -> Any:
    """The module of a kind, imported when it is needed: `build`, and `inputs` where more decides."""
    return importlib.import_module(f"{__package__}.{kind}")


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
        materials=provenance.materials(order.archive, artifact.packages, makers=artifact.makers),
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
