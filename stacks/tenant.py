"""One tenant: its namespaces, bounded and closed, and the roles of its people and agents."""

from __future__ import annotations

import pulumi

from components.model import FoundationOutputs, PlatformOutputs, Tenant
from components.model.loading import EnvironmentModel
from components.model.outputs import OutputsError
from components.tenancy.args import TenancyArgs
from components.tenancy.component import Tenancy
from stacks import references


def deploy(model: EnvironmentModel, tenant: Tenant) -> None:
    """The tenant on the deployed foundation and platform."""
    foundation = references.read(FoundationOutputs, model.name, "foundation")
    platform = references.read(PlatformOutputs, model.name, "platform")
    _check(model.name, tenant, foundation, platform)
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


def _check(
    environment: str, tenant: Tenant, foundation: FoundationOutputs, platform: PlatformOutputs
) -> None:
    """What the tenant names must be deployed, not only declared. Raises `OutputsError`."""
    named = {
        "foundation": (set(tenant.quota.devices), set(foundation.device_classes), "device class"),
        "platform": (set(tenant.data_classes), set(platform.data_classes), "data class"),
    }
    for layer, (wanted, deployed, what) in named.items():
        if missing := sorted(wanted - deployed):
            raise OutputsError(
                f"tenant {tenant.id}: {what} {', '.join(missing)} is declared, but not deployed. "
                f"Deploy it first: `pulumi up -s {environment}.{layer}`."
            )
