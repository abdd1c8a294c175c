"""What an image is made of: `images/<name>/image.yaml`, and `files/` beside it, laid over the root."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from images.builder.errors import ImageError
from images.builder.reading import Model, read

FOLDER = Path(__file__).resolve().parents[1]
"""The folder of the definitions."""
_SKIPPED = ("__pycache__", ".pytest_cache")
Kind = Literal["container", "disk", "guest"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Deb = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
InImage = Annotated[str, Field(pattern="^/.*$")]


class PythonPackages(Model):
    """Locked Python packages: a dependency group of pyproject.toml, and their folder in the image."""

    group: Name
    target: InImage


class Container(Model):
    """How a container is run, and what its root loses."""

    entrypoint: tuple[str, ...] = Field(min_length=1)
    environment: dict[str, str] = Field(default={})
    ports: tuple[int, ...] = ()
    writable: tuple[InImage, ...] = ("/tmp",)  # noqa: S108  # a mount of the pod, not a file of ours
    health: str = Field(default="/healthz", pattern="^/", description="Path of the health endpoint.")
    shell: bool = Field(default=False, description="Whether /bin/sh stays.")
    without: tuple[Deb, ...] = Field(
        default=(), description="Packages whose files are dropped, besides ours."
    )
    remove: tuple[str, ...] = Field(default=(), description="Globs of further files to drop, from the root.")
    bound: int = Field(gt=0, description="Largest size of the unpacked root, bytes.")


class Variant(Model):
    """What a variant has besides what all have."""

    packages: tuple[Deb, ...] = ()
    roles: tuple[Name, ...] = ()


class Definition(Model):
    """One image. `folder` is where it was read from."""

    name: Name
    title: str
    kind: Kind
    packages: tuple[Deb, ...] = ()
    components: tuple[str, ...] = ("main",)
    roles: tuple[Name, ...] = Field(default=(), description="Roles whose `install` part makes the image.")
    python: PythonPackages | None = None
    sources: dict[InImage, str] = Field(
        default={}, description="Folders below images/ that are laid into the image, by their place there."
    )
    variants: dict[Name, Variant] = Field(default={})
    covers: dict[str, str] = Field(
        default={}, description="Requirements that it helps to realise, each with what is left open."
    )
    container: Container | None = None
    folder: Path

    @model_validator(mode="after")
    def _fits(self) -> Definition:
        if (self.kind == "container") != (self.container is not None):
            raise ValueError("`container` goes with `kind: container`, and only with it")
        return self

    @property
    def titles(self) -> tuple[str, ...]:
        """The names of what it builds: `code`, or `node-generic`, `node-nvidia` ... for variants."""
        return tuple(f"{self.name}-{variant}" for variant in self.variants) or (self.name,)

    def digest(self) -> str:
        """SHA-256, in hex, of all that was written for it: its folder, and the sources that it takes."""
        folders = [self.folder, *(FOLDER / source for source in self.sources.values())]
        return digest_of(*folders)


def resolve(name: str) -> tuple[Definition, tuple[str, ...]]:
    """What `node` or `node-generic` means: a definition, and which of its variants (none: all)."""
    head, _, variant = name.partition("-")
    found = load(head)
    if variant and variant not in found.variants:
        raise ImageError(f"there is no image {name}", f"choose one of {', '.join(found.titles)}")
    return found, (variant,) if variant else ()


def names() -> tuple[str, ...]:
    """The names of all definitions."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/image.yaml")))


def load(name: str, folder: Path = FOLDER) -> Definition:
    """The definition `name`; raises `ImageError` with all that is wrong with it."""
    path = folder / name / "image.yaml"
    if not path.is_file():
        raise ImageError(f"there is no image {name}", f"choose one of {', '.join(names())}")
    return read(path, Definition, name=name, folder=path.parent)


def digest_of(*paths: Path) -> str:
    """SHA-256, in hex, of the files in `paths`: names, content and whether they can be executed."""
    digest = hashlib.sha256()
    for top in paths:
        for path in sorted([top] if top.is_file() else top.rglob("*")):
            if path.is_file() and not any(part in _SKIPPED for part in path.parts):
                executable = bool(path.stat().st_mode & 0o100)
                digest.update(f"{path.relative_to(top.parent)}\0{executable}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
