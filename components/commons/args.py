"""What the commons block takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from components.kubernetes import Manifest
from components.model import Platform, PlatformOutputs

__all__ = ["CommonsArgs", "PlatformOutputs"]


@dataclass(frozen=True, kw_only=True)
class CommonsArgs:
    """`admission` holds admission policies and their bindings.

    `protect` forbids to delete the platform's namespace and what guards it. `stand_ins` names the software
    that is not really there.
    """

    environment: str
    platform: Platform
    admission: tuple[Manifest, ...]
    protect: bool
    stand_ins: tuple[str, ...] = ()
