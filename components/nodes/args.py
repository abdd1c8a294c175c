"""What the nodes block takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from components.model import Foundation, FoundationOutputs

__all__ = ["FoundationOutputs", "NodePoolsArgs"]


@dataclass(frozen=True, kw_only=True)
class NodePoolsArgs:
    """The whole foundation: pools name its zones and accelerators, classes select on them."""

    foundation: Foundation
