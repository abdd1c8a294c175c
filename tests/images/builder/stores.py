"""A small store with a container and a disk, and its keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from images.builder import provenance, sbom
from images.builder.catalogue import Catalogue, Entry, File, Proof, sign_catalogue
from images.builder.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout
from images.builder.packages import Package
from images.builder.provenance import Origin, statement
from images.builder.signing import generate_key

EPOCH = 1757754000
PASSPHRASE = b"correct horse battery"
PACKAGE = Package(kind="deb", name="libc6", version="2.41-12", architecture="amd64", distro="debian-13")


@dataclass(frozen=True)
class Keys:
    """A key pair; both are files."""

    private: Path
    public: Path


@cache
def _key() -> tuple[bytes, bytes]:
    with TemporaryDirectory() as folder:
        private, public = generate_key(Path(folder), PASSPHRASE)
        return private.read_bytes(), public.read_bytes()


def keys(root: Path) -> Keys:
    """The keys of those who sign here, as files beside the store at `root`."""
    made = Keys(private=root.with_suffix(".key"), public=root.with_suffix(".pub"))
    for path, content in zip((made.private, made.public), _key(), strict=True):
        path.write_bytes(content)
    return made


def store(root: Path, proven: bool = True) -> Layout:
    """A signed store with the images `code` and `node-generic`."""
    layout = Layout(root)
    layout.create()
    put(layout, "code", "container", {"layer": b"the layer " * 20}, proven)
    put(layout, "node-generic", "disk", {"disk.qcow2": b"QFI" * 100, "disk.raw": bytes(4096)}, proven)
    sign(root)
    return layout


def sign(root: Path) -> None:
    """Sign the catalogue as it is."""
    sign_catalogue(root, keys(root).private, PASSPHRASE)


def put(layout: Layout, name: str, kind: str, contents: dict[str, bytes], proven: bool = True) -> Entry:
    """Put an image in, with papers and catalogue entry."""
    titled = kind != "container"
    layers = {
        title: layout.add_bytes(content, LAYER, title if titled else "")
        for title, content in contents.items()
    }
    manifest = _manifest(layout, [*layers.values()])
    files = {title: layer.digest for title, layer in layers.items()}
    origin = Origin(name=name, definition="12" * 32, inputs="34" * 32, epoch=EPOCH, materials=())
    listed = sbom.document(name, kind, manifest.digest, EPOCH, [PACKAGE])
    entry = Entry.model_validate(
        {
            "kind": kind,
            "digest": manifest.digest,
            "size": sum(layer.size for layer in layers.values()),
            "files": {title: File(digest=each.digest, size=each.size) for title, each in layers.items()},
            "inputs": origin.inputs,
            "sbom": layout.add_bytes(listed, sbom.MEDIA_TYPE).digest,
            "provenance": layout.add_bytes(
                statement(origin, manifest.digest, files), provenance.MEDIA_TYPE
            ).digest,
            "epoch": EPOCH,
            "proven": [Proof(test=f"tests/images/test_{kind}.py", at=EPOCH + 60)] if proven else [],
        }
    )
    layout.name(name, manifest)
    Catalogue.read(layout.root).with_entry(name, entry).write(layout.root)
    return entry


def _manifest(layout: Layout, layers: list[Descriptor]) -> Descriptor:
    config = layout.add_json({"architecture": "amd64"}, CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.as_json(),
        "layers": [layer.as_json() for layer in layers],
    }
    return layout.add_json(document, MANIFEST)
