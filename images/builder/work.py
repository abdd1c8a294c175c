"""What a kind's builder is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from images.builder.debian import Archive
from images.builder.packages import Package


@dataclass(frozen=True, kw_only=True)
class Work:
    """A build: its draft `folder`, which is deleted afterwards, the archive, and where progress is told.

    `bundle` is the folder of programs that roles install (`bastide nodes bundle`) and `digest` its digest;
    `wheels` a folder of Python packages to take instead of the registry.
    """

    folder: Path
    archive: Archive
    tell: Callable[[str], None]
    bundle: Path | None = None
    digest: str = ""
    wheels: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What was built: files by title, a configuration that says how to use them, and the packages inside.

    Of a container the one file `layer` is the compressed layer, and `config` its OCI configuration. `makers`
    says that Debian packages are inside which come from an accelerators' maker, not from the archive.
    """

    files: Mapping[str, Path]
    config: Mapping[str, Any]
    packages: tuple[Package, ...] = field(default=())
    makers: bool = False
