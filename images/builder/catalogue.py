"""What a store holds, as one signed file: each image by name, with its digests and what proved it.

`catalogue.json` has one form for one content, `catalogue.json.sig` beside it is its signature. Writing the
one removes the other: what is changed must be signed again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from images.builder.definition import Kind
from images.builder.errors import ImageError
from images.builder.layout import Layout, replace
from images.builder.signing import sign, verified

FILE: Final = "catalogue.json"
SIGNATURE: Final = "catalogue.json.sig"
_VALUE_MAX: Final = 80
_MEND: Final = "take the file as `bastide images build` wrote it; what is missing there, build again"

Digest: TypeAlias = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Hex: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Title: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$")]
ImageName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Epoch: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=2**40)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Model):
    """A file of an image, with its size in bytes."""

    digest: Digest
    size: Annotated[int, Field(strict=True, ge=0)]


class Proof(_Model):
    """A test that the very bytes have passed, and when, in seconds since 1970."""

    test: Annotated[str, Field(pattern=r"^\S([ -~]*\S)?$", max_length=300)]
    at: Epoch


class Entry(_Model):
    """An image: the digest of its manifest, its files by title, the key of its inputs, what is known of it.

    `size` is that of all files in bytes, `epoch` the date of the files inside in seconds since 1970.
    """

    kind: Kind
    digest: Digest
    size: Annotated[int, Field(strict=True, ge=0)]
    files: dict[Title, File] = Field(min_length=1)
    inputs: Hex
    sbom: Digest
    provenance: Digest
    epoch: Epoch
    proven: tuple[Proof, ...] = ()


class Catalogue(_Model):
    """All images of a store by name: `code`, `node-generic`."""

    format: Literal[1] = 1
    images: dict[ImageName, Entry] = {}

    @classmethod
    def read(cls, root: Path) -> Catalogue:
        """The catalogue of a store, signed or not, empty where there is none yet.

        Raises `ImageError` with everything that is wrong with it.
        """
        path = root / FILE
        return parse(path.read_bytes(), str(path)) if path.exists() else cls()

    def write(self, root: Path) -> None:
        """Put it into a store, unsigned; the same content stays as it is, with its signature."""
        path, content = root / FILE, self.canonical()
        if path.exists() and path.read_bytes() == content:
            return
        (root / SIGNATURE).unlink(missing_ok=True)
        replace(path, content)

    def canonical(self) -> bytes:
        """The one form of its content."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return text.encode() + b"\n"

    def entry(self, name: str) -> Entry:
        """The image `name`. Raises `ImageError` where there is none."""
        if name not in self.images:
            known = ", ".join(sorted(self.images)) or "none"
            raise ImageError(
                f"the catalogue has no image {name}; it has: {known}",
                f"build it: bastide images build {name}",
            )
        return self.images[name]

    def with_entry(self, name: str, entry: Entry) -> Catalogue:
        """It with an image in place of the one of its name; the very same bytes keep their proofs."""
        old = self.images.get(name)
        kept = old.proven if old and old.digest == entry.digest else ()
        proven = _proofs(*kept, *entry.proven)
        return Catalogue(images={**self.images, name: entry.model_copy(update={"proven": proven})})

    def with_proof(self, name: str, digest: str, proof: Proof) -> Catalogue:
        """It with what an image has passed. Raises `ImageError` where it is no longer the one tested."""
        entry = self.entry(name)
        if entry.digest != digest:
            raise ImageError(
                f"image {name}: {digest} was tested, by now it is {entry.digest}", "test it again"
            )
        return self.with_entry(name, entry.model_copy(update={"proven": (proof,)}))


def load_signed(root: Path, public: Path) -> Catalogue:
    """The catalogue of a store, if the owner of the key `public` signed it; raises `ImageError`."""
    path, signature = root / FILE, root / SIGNATURE
    if not path.is_file():
        raise ImageError(f"{path}: is not there: the store has no catalogue", "build or import images first")
    if not signature.is_file():
        raise ImageError(
            f"{signature}: is not there: the catalogue is not signed",
            "sign it with `bastide images sign`, or get the store from those who do",
        )
    content = path.read_bytes()
    if not verified(content, signature.read_bytes().decode("latin-1"), public):
        raise ImageError(
            f"{signature}: is no signature of {path.name} by the owner of {public}",
            "do not use this store: get it again from those who sign, or name their public key",
        )
    return parse(content, str(path))


def sign_catalogue(root: Path, private: Path, passphrase: bytes) -> Path:
    """Put the signature beside the catalogue of a store; its path. Raises `ImageError`."""
    path = root / FILE
    if not path.is_file():
        raise ImageError(f"{path}: is not there: nothing to sign", "build images first")
    with Layout(root).locked():
        content = path.read_bytes()
        parse(content, str(path))
        replace(root / SIGNATURE, f"{sign(content, private, passphrase)}\n".encode())
    return root / SIGNATURE


def prove(root: Path, name: str, digest: str, proof: Proof) -> None:
    """Enter into the catalogue of a store what the image with this digest has passed; see `with_proof`."""
    with Layout(root).locked():
        Catalogue.read(root).with_proof(name, digest, proof).write(root)


def withdraw(root: Path, name: str, digest: str) -> None:
    """Take all proofs from the image with this digest, if the store still has it: it has failed a test."""
    with Layout(root).locked():
        known = Catalogue.read(root)
        entry = known.images.get(name)
        if entry and entry.digest == digest:
            disproved = entry.model_copy(update={"proven": ()})
            Catalogue(images={**known.images, name: disproved}).write(root)


def _proofs(*proofs: Proof) -> tuple[Proof, ...]:
    """The first proof by each test, in order of tests."""
    first = {each.test: each for each in reversed(proofs)}
    return tuple(first[test] for test in sorted(first))


def parse(content: bytes, file: str) -> Catalogue:
    """The catalogue that `content` is; raises `ImageError` with all problems: path, value, rule."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{file}: must be JSON: {error}", _MEND) from error
    try:
        found = Catalogue.model_validate(told)
    except ValidationError as error:
        raise ImageError("\n".join(_problems(file, error)), _MEND) from error
    if found.canonical() != content:
        raise ImageError(
            f"{file}: must be in the one form that we write: sorted, without spaces, keys once", _MEND
        )
    return found


def _problems(file: str, error: ValidationError) -> Iterator[str]:
    for each in error.errors(include_url=False):
        path = ".".join(str(part) for part in each["loc"] if part != "[key]") or "(the whole)"
        yield f"{file}: {path}: {_shown(each['input'])} {_rule(each)}"


def _rule(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    rules = {
        "missing": "must be given: it is missing",
        "extra_forbidden": "is no known field",
        "string_pattern_mismatch": f"must look like {context.get('pattern')}",
        "literal_error": f"must be {context.get('expected')}",
    }
    return rules.get(error["type"]) or f"is refused: {error['msg']}"


def _shown(value: object) -> str:
    text = json.dumps(value, default=str) if not isinstance(value, Mapping) else f"a mapping of {len(value)}"
    return f"{text[:_VALUE_MAX]}…" if len(text) > _VALUE_MAX else text
