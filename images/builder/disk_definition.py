"""What a disk is besides its packages and roles: `disk.yaml` beside `image.yaml`, checked as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, model_validator

from images.builder import reading
from images.builder.reading import Model

Options: TypeAlias = dict[str, Literal["y", "m"]]


class Accelerator(Model):
    """Whose software a variant has: maker, model and versions, as the version matrix names them."""

    vendor: Literal["nvidia", "huawei", "amd"]
    family: str
    model: str
    software: dict[str, str]


class Disk(Model):
    """`seed` is what all identifiers are derived from; `kernel` are needed options by who needs them."""

    seed: UUID
    command_line: tuple[str, ...]
    writable: tuple[str, ...] = Field(description="Folders of /usr that are on the root partition.")
    units: tuple[str, ...]
    variables: dict[str, Any] = Field(default={})
    accelerators: dict[str, Accelerator] = Field(default={})
    kernel: dict[str, Options]

    @model_validator(mode="after")
    def _below_usr(self) -> Disk:
        if wrong := [path for path in self.writable if not path.startswith("/usr/")]:
            raise ValueError(f"writable: {', '.join(wrong)}: only folders below /usr cannot be written")
        return self


def read(folder: Path) -> Disk:
    """The disk of the definition in `folder`; raises `ImageError` with all that is wrong with it."""
    return reading.read(folder / "disk.yaml", Disk)
