"""The drills of all blocks, for the twin's own configuration."""

from __future__ import annotations

from functools import cache

from components.commons.drills import drills as commons_drills
from components.commons.values import outputs as platform_outputs
from components.drill import Drill
from components.gateway.drills import drills as gateway_drills
from components.gateway.values import outputs as gateway_outputs
from components.governance import values as governance
from components.governance.drills import drills as governance_drills
from components.model.loading import load_environment
from components.nodes.drills import drills as nodes_drills
from components.nodes.values import outputs as foundation_outputs
from components.tenancy.drills import drills as tenancy_drills
from components.tenancy.values import outputs as tenant_outputs
from twin.settings import ROOT


@cache
def all_drills() -> tuple[Drill, ...]:
    model = load_environment(ROOT / "stacks" / "config", "twin")
    tenants = [tenant_outputs(tenant) for tenant in model.tenants.values()]
    governed = {}
    if gateway := model.platform.gateway:
        for name, use in model.gateways.items():
            scope = governance.scope_of("twin", model.tenants[name], use, gateway)
            governed[name] = governance.outputs(scope)
    foundation = foundation_outputs(model.foundation)
    gateway = model.platform.gateway
    assert gateway
    return (
        *nodes_drills(model.foundation, foundation, tenants),
        *commons_drills(platform_outputs("twin", model.platform, ())),
        *gateway_drills(gateway, gateway_outputs(gateway), tenants, "twin"),
        *tenancy_drills(model.tenants, tenants),
        *governance_drills(model.platform.gateway, model.gateways, tenants, governed),
    )


def drill_ids() -> set[str]:
    return {drill.id for drill in all_drills()}
