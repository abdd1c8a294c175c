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
DRAFT: Final = ".draft-"
"""How files begin that are being written."""
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
        make(self._blobs)
        with self.locked():
            for name, content in (("index.json", index_of({})), ("oci-layout", LAYOUT)):
                if not (self.root / name).exists():
                    replace(self.root / name, content)

    def path(self, digest: str) -> Path:
        """Where the bytes of `digest` are."""
        algorithm, _, name = digest.partition(":")
        if algorithm != "sha256" or len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            raise ImageError(f"{self.root}: {digest!r} is no digest", "digests are sha256:<64 hex digits>")
        return self._blobs / name

    def add_file(self, source: Path, media_type: str, title: str = "") -> Descriptor:
        """Copy a file in; a blob that is there already is left, unless it was altered."""
        digest = _digest(source)
        made = Descriptor(media_type=media_type, digest=digest, size=source.stat().st_size, title=title)
        if not self._holds(made):
            with written(self.path(digest)) as draft, source.open("rb") as file:
                _copy_sparse(file.fileno(), draft)
        return made

    def add_bytes(self, content: bytes, media_type: str, title: str = "") -> Descriptor:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        made = Descriptor(media_type=media_type, digest=digest, size=len(content), title=title)
        if not self._holds(made):
            replace(self.path(digest), content)
        return made

    def add_json(self, document: Mapping[str, Any], media_type: str, title: str = "") -> Descriptor:
        return self.add_bytes(_canonical(document), media_type, title)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob is there with its size; its bytes are not read."""
        path = self.path(descriptor.digest)
        return path.is_file() and path.stat().st_size == descriptor.size

    def _holds(self, descriptor: Descriptor) -> bool:
        return self.has(descriptor) and _digest(self.path(descriptor.digest)) == descriptor.digest

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
        if not self._holds(descriptor):
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

    def sweep(self) -> Iterator[Path]:
        """Delete what killed writers left, while `building`; the paths. Who writes holds a lock."""
        with self.locked():
            for path in sorted([*self.root.glob(f"{DRAFT}*"), *self._blobs.glob(f"{DRAFT}*")]):
                path.unlink()
                yield path

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


def make(folder: Path) -> None:
    """Make a folder, if it is not there. Raises `ImageError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(folder, error) from error


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with written(path) as draft:
        _write(draft, content)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _write(draft: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(draft, view) :]


@contextmanager
def written(path: Path) -> Iterator[int]:
    """A descriptor to write to; the file has its name once it is on the disk. Raises `ImageError`."""
    try:
        handle, name = tempfile.mkstemp(prefix=DRAFT, dir=path.parent)
        try:
            yield handle
            os.fchmod(handle, 0o644)
            os.fsync(handle)
            Path(name).rename(path)
        finally:
            os.close(handle)
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from error


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
        f"{path}: is not {digest}: it was altered",
        "build the image again with --again, or import it again",
    )


def _unwritten(path: Path, error: OSError) -> ImageError:
    return ImageError(f"{path}: cannot be written: {error}", "make room there, and do it again")
