"""One tenant: its namespaces, bounded and closed, the roles of its people and agents, its use of models."""

from __future__ import annotations

import pulumi

from components.governance.args import GovernanceArgs
from components.governance.component import Governance
from components.model import FoundationOutputs, PlatformOutputs, Tenant, TenantGateway
from components.model.loading import EnvironmentModel
from components.model.outputs import OutputsError
from components.tenancy.args import TenancyArgs
from components.tenancy.component import Tenancy
from stacks import references


def deploy(model: EnvironmentModel, tenant: Tenant) -> None:
    """The tenant on the deployed foundation and platform."""
    foundation = references.read(FoundationOutputs, model.name, "foundation")
    platform = references.read(PlatformOutputs, model.name, "platform")
    use, gateway = model.gateways.get(tenant.id), model.platform.gateway
    _check(model.name, tenant, use, foundation, platform)
    tenancy = Tenancy(
        tenant.id,
        TenancyArgs(
            environment=foundation.environment,
            tenant=tenant,
            device_classes=foundation.device_classes,
            protect=foundation.kind != "twin",
        ),
    )
    pulumi.export("tenant", tenancy.outputs.dump())
    if use and gateway:
        governance = Governance(
            tenant.id,
            GovernanceArgs(
                environment=foundation.environment,
                owner=platform.owner,
                tenant=tenant,
                use=use,
                gateway=gateway,
                protect=foundation.kind != "twin",
            ),
        )
        pulumi.export("gateway", governance.outputs.dump())


def _check(
    environment: str,
    tenant: Tenant,
    use: TenantGateway | None,
    foundation: FoundationOutputs,
    platform: PlatformOutputs,
) -> None:
    """What the tenant names must be deployed, not only declared. Raises `OutputsError`."""
    models = {name for grant in use.grants for name in grant.models} if use else set()
    deployed = set(platform.gateway.models) if platform.gateway else set()
    for layer, what, wanted, there in (
        ("foundation", "device class", set(tenant.quota.devices), set(foundation.device_classes)),
        ("platform", "data class", set(tenant.data_classes), set(platform.data_classes)),
        ("platform", "model", models, deployed),
    ):
        if missing := sorted(wanted - there):
            raise OutputsError(
                f"tenant {tenant.id}: {what} {', '.join(missing)} is declared, but not deployed. "
                f"Deploy it first: `pulumi up -s {environment}.{layer}`."
            )
