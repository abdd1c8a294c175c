"""What the governance block takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from components.model import Gateway, Tenant, TenantGateway
from components.model.outputs import Outputs


@dataclass(frozen=True, kw_only=True)
class GovernanceArgs:
    """`use` is what the tenant may use of `gateway`; `owner` answers for the platform."""

    environment: str
    owner: str
    tenant: Tenant
    use: TenantGateway
    gateway: Gateway
    protect: bool


class GovernanceOutputs(Outputs):
    """What a tenant has at the gateway."""

    namespace: str = Field(description="Namespace of its routes, keys and limits.")
    hosts: Mapping[str, str] = Field(description="Host name by listener.")
    models: tuple[str, ...] = Field(description="Models that it may ask for.")
    providers: tuple[str, ...] = Field(description="Providers that may answer it.")
