"""The governance block as registered."""

from __future__ import annotations

from components.governance.args import GovernanceArgs
from components.governance.component import Governance
from components.model.loading import EnvironmentModel
from tests.support.registrations import Recording, record


def governance(model: EnvironmentModel, protect: bool = False) -> Recording:
    gateway = model.platform.gateway
    assert gateway
    args = GovernanceArgs(
        environment="twin",
        owner="platform@bastide.example",
        tenant=model.tenants["acme"],
        use=model.gateways["acme"],
        gateway=gateway,
        protect=protect,
    )
    return record(lambda: Governance("acme", args))


def test_no_route_is_open_before_what_guards_it(model: EnvironmentModel) -> None:
    recording = governance(model)
    policies = {
        found.name for kind in ("SecurityPolicy", "BackendTrafficPolicy") for found in recording.kind(kind)
    }
    routes = [*recording.kind("AIGatewayRoute"), *recording.kind("MCPRoute")]
    assert len(policies) == 3
    assert len(routes) == 3
    for route in routes:
        assert policies <= set(route.after)


def test_policies_come_after_keys_and_the_guards_rules(model: EnvironmentModel) -> None:
    recording = governance(model)
    before = {found.name for kind in ("ExternalSecret", "ConfigMap") for found in recording.kind(kind)}
    assert len(before) == 2
    for policy in recording.kind("SecurityPolicy"):
        assert before <= set(policy.after)


def test_the_namespace_is_protected_where_asked(model: EnvironmentModel) -> None:
    [namespace] = governance(model, protect=True).kind("Namespace")
    assert namespace.protect
    [namespace] = governance(model).kind("Namespace")
    assert not namespace.protect


def test_outputs_are_registered(model: EnvironmentModel) -> None:
    outputs = governance(model).outputs["acme"]
    assert outputs["hosts"] == {"keys": "acme.keys.ai.twin.example", "id": "acme.id.ai.twin.example"}
    assert outputs["models"] == ["chat", "large", "claude", "embed"]
    assert outputs["providers"] == ["halls", "openrouter", "anthropic"]
