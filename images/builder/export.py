"""Images out of a store: what a cloud, a hypervisor or a container runtime takes. And room made in it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from images.builder.catalogue import Catalogue, Entry
from images.builder.drafts import sweep
from images.builder.layout import LAYOUT, MANIFEST, NAME, Layout, make, written


def export(store: Layout, name: str, entry: Entry, into: Path) -> list[Path]:
    """Write an image's files, each compared with its digest, and its SBOM and provenance; their paths.

    Of a container that is `<name>.tar`, an OCI archive that podman, containerd and skopeo read. The caller
    has verified the catalogue. Raises `ImageError` where bytes are not what they should be or have no room.
    """
    make(into)
    papers = [
        _copied(io.BytesIO(store.read(entry.sbom)), into / f"{name}.spdx.json"),
        _copied(io.BytesIO(store.read(entry.provenance)), into / f"{name}.provenance.json"),
    ]
    if entry.kind == "container":
        return [_archive(store, name, entry, into / f"{name}.tar"), *papers]
    blobs = store.blobs(entry.digest)[1:]
    return [_file(store.check(blob), into / _title(name, blob.title)) for blob in blobs] + papers


def _title(name: str, title: str) -> str:
    return title if title.startswith(f"{name}.") else f"{name}.{title}"


def _file(source: Path, target: Path) -> Path:
    with source.open("rb") as file:
        return _copied(file, target)


def _copied(source: io.BufferedIOBase, target: Path) -> Path:
    """Write whole or not at all."""
    with written(target) as draft, open(draft, "wb", closefd=False) as out:
        shutil.copyfileobj(source, out)
    return target


def _archive(store: Layout, name: str, entry: Entry, target: Path) -> Path:
    """An OCI layout of one image, as a tar archive that is the same each time."""
    blobs = [store.check(blob) for blob in store.blobs(entry.digest)]
    manifest = store.read(entry.digest)
    listed = {
        "mediaType": MANIFEST,
        "digest": entry.digest,
        "size": len(manifest),
        "annotations": {NAME: name},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [listed]}, sort_keys=True).encode()
    with (
        written(target) as draft,
        open(draft, "wb", closefd=False) as file,
        tarfile.open(fileobj=file, mode="w") as out,
    ):
        for path, content in (("oci-layout", LAYOUT), ("index.json", index)):
            _add(out, path, io.BytesIO(content), len(content))
        _add(out, f"blobs/sha256/{hashlib.sha256(manifest).hexdigest()}", io.BytesIO(manifest), len(manifest))
        for blob in sorted(set(blobs)):
            with blob.open("rb") as data:
                _add(out, f"blobs/sha256/{blob.name}", data, blob.stat().st_size)
    return target


def _add(out: tarfile.TarFile, path: str, content: io.BufferedIOBase, size: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = size
    out.addfile(entry, content)


def prune(store: Layout) -> Iterator[Path]:
    """Delete what no image of the catalogue consists of, and drafts of what was interrupted; their paths."""
    yield from sweep()
    with store.building():
        yield from store.sweep()
        entries = Catalogue.read(store.root).images.values()
        used = {digest for entry in entries for digest in (entry.digest, entry.sbom, entry.provenance)}
        used |= {blob.digest for entry in entries for blob in store.blobs(entry.digest)}
        kept = {store.path(digest) for digest in used}
        for path in sorted((store.root / "blobs" / "sha256").iterdir()):
            if path not in kept:
                path.unlink()
                yield path
