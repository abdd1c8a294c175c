"""What the governance block takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from components.model import Gateway, GovernanceOutputs, Tenant, TenantGateway

__all__ = ["GovernanceArgs", "GovernanceOutputs"]


@dataclass(frozen=True, kw_only=True)
class GovernanceArgs:
    """`use` is what the tenant may use of `gateway`; `owner` answers for the platform."""

    environment: str
    owner: str
    tenant: Tenant
    use: TenantGateway
    gateway: Gateway
    protect: bool
