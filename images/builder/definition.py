"""What an image is made of: `images/<name>/image.yaml`, and `files/` beside it, laid over the root."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from images.builder.errors import ImageError

FOLDER = Path(__file__).resolve().parents[1]
"""The folder of the definitions."""
_SKIPPED = ("__pycache__", ".pytest_cache")
Kind = Literal["container", "disk", "guest"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Deb = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
InImage = Annotated[str, Field(pattern="^/.*$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class PythonPackages(_Model):
    """Locked Python packages: a dependency group of pyproject.toml, and their folder in the image."""

    group: Name
    target: InImage


class Container(_Model):
    """How a container is run, and what its root loses."""

    entrypoint: tuple[str, ...] = Field(min_length=1)
    environment: dict[str, str] = {}
    ports: tuple[int, ...] = ()
    writable: tuple[InImage, ...] = ("/tmp",)  # noqa: S108  # a mount of the pod, not a file of ours
    health: str = Field(default="/healthz", pattern="^/", description="Path of the health endpoint.")
    shell: bool = Field(default=False, description="Whether /bin/sh stays.")
    without: tuple[Deb, ...] = Field(
        default=(), description="Packages whose files are dropped, besides ours."
    )
    remove: tuple[str, ...] = Field(default=(), description="Globs of further files to drop, from the root.")
    bound: int = Field(gt=0, description="Largest size of the unpacked root, bytes.")


class Variant(_Model):
    """What a variant has besides what all have."""

    packages: tuple[Deb, ...] = ()
    roles: tuple[Name, ...] = ()


class Definition(_Model):
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
    variants: dict[Name, Variant] = {}
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
    if variant and variant not in load(head).variants:
        known = ", ".join(load(head).titles)
        raise ImageError(f"there is no image {name}", f"choose one of {known}")
    return load(head), (variant,) if variant else ()


def names() -> tuple[str, ...]:
    """The names of all definitions."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/image.yaml")))


def load(name: str, folder: Path = FOLDER) -> Definition:
    """The definition `name`; raises `ImageError` with all that is wrong with it."""
    path = folder / name / "image.yaml"
    if not path.is_file():
        raise ImageError(f"there is no image {name}", f"choose one of {', '.join(names())}")
    try:
        content = yaml.safe_load(path.read_text())
        return Definition.model_validate({**content, "name": name, "folder": path.parent})
    except (yaml.YAMLError, TypeError) as error:
        raise ImageError(
            f"{path}: {error}", "write it as YAML: a mapping of the fields of an image"
        ) from error
    except ValidationError as error:
        raise ImageError("\n".join(_problems(path, error)), "correct the values that are named") from error


def _problems(path: Path, error: ValidationError) -> Iterator[str]:
    for each in error.errors():
        where = ".".join(map(str, each["loc"])) or "the whole"
        yield f"{path}: {where}: {each['input']!r}: {each['msg']}"


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
