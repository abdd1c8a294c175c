"""What the gateway block takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.model import Gateway, GatewayOutputs

__all__ = ["GatewayArgs", "GatewayOutputs"]


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """`owner` and `cost_center` are the platform's own, `kind` is the environment's.

    `may_leave` are the data classes that may leave the premises.
    `registry` holds our own images; None where the configuration names the guard's.
    `definitions` are the resources that define the custom kinds: all that is made comes after them.
    `protect` forbids to delete the gateway, its namespace and what guards it.
    """

    environment: str
    kind: str
    gateway: Gateway
    owner: str
    cost_center: str
    may_leave: tuple[str, ...]
    registry: str | None = None
    definitions: Sequence[pulumi.Resource] = ()
    protect: bool
