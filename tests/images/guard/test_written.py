"""What the gateway's blocks write is what the guard reads."""

from __future__ import annotations

import json

import pytest

from bastide_guard.policy import TenantPolicy
from bastide_guard.sources import KEY, PREFIX, SELECTOR
from components.governance import values
from components.governance.values.guard import policy
from components.model.loading import load_environment
from components.naming import GATEWAY_NAMESPACE
from twin.settings import ROOT

ENVIRONMENT = load_environment(ROOT / "stacks" / "config", "twin")


@pytest.mark.parametrize("tenant", sorted(ENVIRONMENT.gateways))
def test_written_policies_are_read(tenant: str) -> None:
    gateway = ENVIRONMENT.platform.gateway
    assert gateway is not None
    scope = values.scope_of("twin", ENVIRONMENT.tenants[tenant], ENVIRONMENT.gateways[tenant], gateway)
    written = policy(scope)
    assert written["metadata"]["namespace"] == GATEWAY_NAMESPACE
    assert written["metadata"]["name"] == PREFIX + tenant
    assert SELECTOR.keys() <= written["metadata"]["labels"].keys()
    read = TenantPolicy.model_validate_json(written["data"][KEY])
    assert read.tenant == tenant
    assert set(read.grants) == {grant.id for grant in ENVIRONMENT.gateways[tenant].grants}
    assert json.loads(written["data"][KEY]).keys() <= json.loads(read.model_dump_json()).keys()
