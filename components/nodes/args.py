"""What the nodes block takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from components.model import DeviceClass, Foundation, FoundationOutputs

__all__ = ["DeviceClassesArgs", "FoundationOutputs", "NodePoolsArgs", "OpenStackSiteArgs"]


@dataclass(frozen=True, kw_only=True)
class NodePoolsArgs:
    """The whole foundation: pools name its zones and accelerators, classes select on them."""

    foundation: Foundation


@dataclass(frozen=True, kw_only=True)
class OpenStackSiteArgs:
    """The foundation, and the id of the site that is made."""

    foundation: Foundation
    site: str


@dataclass(frozen=True, kw_only=True)
class DeviceClassesArgs:
    """The classes of an environment whose machines are real."""

    environment: str
    device_classes: tuple[DeviceClass, ...]
