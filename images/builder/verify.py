"""Whether a store is what its signed catalogue says, byte by byte: asked before anything of it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from images.builder.catalogue import Catalogue, Entry, File, load_signed
from images.builder.errors import ImageError
from images.builder.layout import LAYOUT, Descriptor, Layout, index_of

_MEND: Final = (
    "do not use this store: build the images that are named again (--again), or get the store again"
)
LAYER_TITLE: Final = "layer"
"""What the catalogue calls the one layer of a container, which has no title in its manifest."""


def verify(root: Path, public: Path, tell: Callable[[str], None] = lambda name: None) -> Catalogue:
    """The catalogue of the store in `root`, after its signature and all bytes that it names were compared.

    `tell` is called with the name of each image before its bytes are read. Raises `ImageError` with every
    difference: a byte that changed, a blob that is missing, an image that the catalogue does not have.
    """
    catalogue = load_signed(root, public)
    if problems := [*differences(root, catalogue, tell)]:
        raise ImageError("\n".join(problems), _MEND)
    return catalogue


def differences(
    root: Path, catalogue: Catalogue, tell: Callable[[str], None] = lambda name: None
) -> Iterator[str]:
    """All that a store has otherwise than its catalogue; nothing where they agree."""
    store = _Store(root)
    for name, entry in sorted(catalogue.images.items()):
        tell(name)
        yield from store.image(name, entry)
    yield from store.index()


class _Store:
    """The bytes of a store, each blob read once."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._root = root
        self._known: dict[str, int] = {}
        self._names: dict[str, Descriptor] = {}
        self._broken: set[str] = set()

    def image(self, name: str, entry: Entry) -> Iterator[str]:
        """What is wrong with one image."""
        for what, digest in (("sbom", entry.sbom), ("provenance", entry.provenance)):
            yield from self._small(f"image {name}: {what}", digest)
        if wrong := [*self._small(f"image {name}: manifest", entry.digest)]:
            self._broken.add(name)
            yield from wrong
            return
        manifest = self._layout.manifest(entry.digest)
        size = self._layout.path(entry.digest).stat().st_size
        self._names[name] = Descriptor(media_type=manifest["mediaType"], digest=entry.digest, size=size)
        config, *layers = self._layout.blobs(entry.digest)
        yield from self._blob(f"image {name}: config", config)
        for layer in layers:
            yield from self._blob(f"image {name}: file {layer.title or LAYER_TITLE}", layer)
        found = {layer.title or LAYER_TITLE: File(digest=layer.digest, size=layer.size) for layer in layers}
        yield from _titles(name, entry, found)

    def _small(self, what: str, digest: str) -> Iterator[str]:
        try:
            self._layout.read(digest)
        except (ImageError, OSError) as error:
            yield f"{what}: {getattr(error, 'problem', error)}"

    def _blob(self, what: str, descriptor: Descriptor) -> Iterator[str]:
        if self._known.get(descriptor.digest) == descriptor.size:
            return
        try:
            self._layout.check(descriptor)
        except (ImageError, OSError) as error:
            yield f"{what}: {getattr(error, 'problem', error)}"
        else:
            self._known[descriptor.digest] = descriptor.size

    def index(self) -> Iterator[str]:
        """What is wrong with the files that lead to the images."""
        path = self._root / "oci-layout"
        if not path.is_file() or path.read_bytes() != LAYOUT:
            yield f"{path}: must be {LAYOUT.decode()}"
        path = self._root / "index.json"
        try:
            content, listed = path.read_bytes(), self._layout.names()
        except (ImageError, OSError, KeyError, TypeError) as error:
            yield f"{path}: is no index of an OCI image layout: {error!r}"
            return
        names = {*listed, *self._names} - self._broken
        wrong = [name for name in sorted(names) if not self._agrees(name, listed)]
        for name in wrong:
            known = self._names.get(name)
            rule = f"must be {known.digest}, as in the catalogue" if known else "is not in the catalogue"
            yield f"{path}: image {name} {rule}; here it is {listed.get(name, 'missing')}"
        if not wrong and not self._broken and content != index_of(self._names):
            yield f"{path}: must list the images of the catalogue in the form that we write, and nothing else"

    def _agrees(self, name: str, listed: dict[str, str]) -> bool:
        return name in self._names and listed.get(name) == self._names[name].digest


def _titles(name: str, entry: Entry, found: dict[str, File]) -> Iterator[str]:
    for title in sorted({*entry.files, *found}):
        if entry.files.get(title) != found.get(title):
            yield (
                f"image {name}: file {title}: the catalogue has {_shown(entry.files.get(title))}, "
                f"the manifest {_shown(found.get(title))}"
            )


def _shown(file: File | None) -> str:
    return f"{file.digest} ({file.size} bytes)" if file else "none"
