"""Container images without a builder: OCI archives that `ctr images import` reads."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.toolchain.store import architecture

_OCI = "application/vnd.oci.image"


@dataclass(frozen=True, kw_only=True)
class Image:
    """One layer of a few files, by their path inside; `name` has a tag."""

    name: str
    files: Mapping[str, Path]
    entrypoint: tuple[str, ...]


def write_images(archive: Path, *images: Image) -> None:
    """Write the images into one archive."""
    blobs: dict[str, bytes] = {}
    manifests = []
    for image in images:
        layer = _layer(image.files)
        config = _json(
            {
                "architecture": architecture(),
                "os": "linux",
                "config": {"Entrypoint": list(image.entrypoint)},
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            }
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{_OCI}.manifest.v1+json",
                "config": _descriptor(config, "config.v1+json"),
                "layers": [_descriptor(layer, "layer.v1.tar")],
            }
        )
        named = {"annotations": {"io.containerd.image.name": image.name}}
        manifests.append({**_descriptor(manifest, "manifest.v1+json"), **named})
        blobs |= {f"blobs/sha256/{_digest(blob)[7:]}": blob for blob in (layer, config, manifest)}
    index = _json({"schemaVersion": 2, "manifests": manifests})
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w") as out:
        _put(out, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', 0o644)
        _put(out, "index.json", index, 0o644)
        for path, content in blobs.items():
            _put(out, path, content, 0o644)


def _layer(files: Mapping[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for path, source in files.items():
            _put(out, path.lstrip("/"), source.read_bytes(), 0o755)
    return buffer.getvalue()


def _put(out: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    out.addfile(entry, io.BytesIO(content))


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(blob: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(blob), "size": len(blob)}
