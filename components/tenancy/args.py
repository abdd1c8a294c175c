"""What the tenancy block takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from components.model import Tenant, TenantOutputs

__all__ = ["TenancyArgs", "TenantOutputs"]


@dataclass(frozen=True, kw_only=True)
class TenancyArgs:
    """`device_classes` are all of the foundation: each is bounded, granted or not.

    `protect` forbids to delete the tenant's namespaces and what guards them.
    """

    environment: str
    tenant: Tenant
    device_classes: tuple[str, ...]
    protect: bool
