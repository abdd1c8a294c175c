"""The store: one OCI image layout, in which a name leads to a digest and a digest to bytes.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md. What is read is compared
with its digest; what is written appears under its name once it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from images.builder.errors import ImageError
from twin.settings import TwinSettings

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
TITLE: Final = "org.opencontainers.image.title"
NAME: Final = "org.opencontainers.image.ref.name"
LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """Bytes by their digest (`sha256:...`), with size and media type."""

    media_type: str
    digest: str
    size: int
    title: str = ""

    def as_json(self) -> dict[str, Any]:
        titled = {"annotations": {TITLE: self.title}} if self.title else {}
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **titled}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Descriptor:
        title = document.get("annotations", {}).get(TITLE, "")
        kind, digest, size = document["mediaType"], document["digest"], document["size"]
        return cls(media_type=kind, digest=digest, size=size, title=title)


def user_store(environ: Mapping[str, str] = os.environ) -> Layout:
    """The store that BASTIDE_IMAGES names, else the one in the user's cache."""
    named = environ.get("BASTIDE_IMAGES")
    return Layout((Path(named) if named else TwinSettings.of("images", environ).cache / "images").resolve())


class Layout:
    """An OCI image layout in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs" / "sha256"

    def create(self) -> None:
        self._blobs.mkdir(parents=True, exist_ok=True)
        if not (self.root / "oci-layout").exists():
            replace(self.root / "oci-layout", LAYOUT)
            replace(self.root / "index.json", index_of({}))

    def path(self, digest: str) -> Path:
        """Where the bytes of `digest` are."""
        algorithm, _, name = digest.partition(":")
        if algorithm != "sha256" or len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise ImageError(f"{self.root}: {digest!r} is no digest", "digests are sha256:<64 hex digits>")
        return self._blobs / name

    def add_file(self, source: Path, media_type: str, title: str = "") -> Descriptor:
        """Copy a file in; a blob that is there already is left."""
        with source.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        target = self.path(digest)
        if not target.exists():
            with _draft(target) as draft, source.open("rb") as file:
                _copy_sparse(file.fileno(), draft)
        return Descriptor(media_type=media_type, digest=digest, size=source.stat().st_size, title=title)

    def add_bytes(self, content: bytes, media_type: str, title: str = "") -> Descriptor:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if not self.path(digest).exists():
            replace(self.path(digest), content)
        return Descriptor(media_type=media_type, digest=digest, size=len(content), title=title)

    def add_json(self, document: Mapping[str, Any], media_type: str, title: str = "") -> Descriptor:
        return self.add_bytes(_canonical(document), media_type, title)

    def read(self, digest: str) -> bytes:
        """The bytes of a small blob; raises `ImageError` where they are missing or others."""
        try:
            content = self.path(digest).read_bytes()
        except OSError as error:
            raise ImageError(
                f"{self.root}: {digest} is not there", "build or import the image again"
            ) from error
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise _altered(self.path(digest), digest)
        return content

    def check(self, descriptor: Descriptor) -> Path:
        """The path of a blob after its size and digest were compared; raises `ImageError`."""
        path = self.path(descriptor.digest)
        if not path.is_file():
            raise ImageError(
                f"{self.root}: {descriptor.digest} is not there", "build or import the image again"
            )
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if f"sha256:{found}" != descriptor.digest or path.stat().st_size != descriptor.size:
            raise _altered(path, descriptor.digest)
        return path

    def manifest(self, digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.read(digest))
        return document

    def blobs(self, digest: str) -> tuple[Descriptor, ...]:
        """What a manifest consists of: configuration, then layers or files."""
        manifest = self.manifest(digest)
        return tuple(map(Descriptor.of, [manifest["config"], *manifest["layers"]]))

    def names(self) -> dict[str, str]:
        """The digest of each name in index.json."""
        try:
            index = json.loads((self.root / "index.json").read_bytes())
        except (OSError, ValueError) as error:
            raise ImageError(f"{self.root}: no OCI image layout: {error}", "build an image first") from error
        return {each["annotations"][NAME]: each["digest"] for each in index["manifests"]}

    def name(self, name: str, descriptor: Descriptor) -> None:
        """Let `name` mean `descriptor`, and nothing else from now on."""
        with self.locked():
            index = json.loads((self.root / "index.json").read_bytes())
            listed = {each["annotations"][NAME]: Descriptor.of(each) for each in index["manifests"]}
            replace(self.root / "index.json", index_of({**listed, name: descriptor}))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Of several processes, one at a time writes index and catalogue."""
        with FileLock(self.root / ".lock"):
            yield

    @contextmanager
    def building(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Of several processes, one at a time adds or deletes blobs; `waiting` is called where one waits."""
        lock = FileLock(self.root / ".building")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with _draft(path) as draft:
        os.write(draft, content) if len(content) < _CHUNK else _write(draft, content)


def _write(draft: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(draft, view) :]


@contextmanager
def _draft(path: Path) -> Iterator[int]:
    """A descriptor to write to; the file has its name once it is on the disk."""
    handle, name = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
    try:
        yield handle
        os.fchmod(handle, 0o644)
        os.fsync(handle)
        Path(name).rename(path)
    except OSError as error:
        raise ImageError(f"{path}: cannot be written: {error}", "make room, and build again") from error
    finally:
        os.close(handle)
        Path(name).unlink(missing_ok=True)


def _copy_sparse(source: int, draft: int) -> None:
    """Copy; runs of zeros, of which disks are full, take no room."""
    size, zeros = 0, bytes(_CHUNK)
    while content := os.read(source, _CHUNK):
        if content == zeros[: len(content)]:
            os.lseek(draft, len(content), os.SEEK_CUR)
        else:
            _write(draft, content)
        size += len(content)
    os.ftruncate(draft, size)


def index_of(names: Mapping[str, Descriptor]) -> bytes:
    """The index.json that has these names, and nothing else."""
    listed = [{**names[name].as_json(), "annotations": {NAME: name}} for name in sorted(names)]
    return _canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _altered(path: Path, digest: str) -> ImageError:
    return ImageError(
        f"{path}: is not {digest}: it was altered", "delete it, then build or import the image again"
    )
