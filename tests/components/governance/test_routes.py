"""Who is routed where."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from components import naming
from components.governance import values
from components.governance.values import routes
from components.governance.values.scope import Scope
from components.model import AiModel
from tests.components.governance.changed import model_with, provider_with, use_with

ADA = naming.client("acme", "coding", "research", "ada", "ada-laptop")
BOB = naming.client("acme", "office", "support", "bob", "desk")
AGENT = "spiffe://twin.example/ns/acme-support-agents/sa/agent"


def asked(scope: Scope, listener: str, client: str, model: str, **headers: str) -> list[dict[str, Any]]:
    """The backends that answer a client, as Envoy would match: every header, expressions as a whole."""
    given = {naming.CLIENT_HEADER: client, naming.MODEL_HEADER: model, **headers}
    for route in routes.routes(scope):
        if route["metadata"]["labels"][naming.LISTENER] == listener:
            for rule in route["spec"]["rules"]:
                if any(_matches(match["headers"], given) for match in rule["matches"]):
                    return list(rule["backendRefs"])
    return []


def _matches(wanted: list[dict[str, str]], given: dict[str, str]) -> bool:
    def one(header: dict[str, str]) -> bool:
        value = given.get(header["name"], "")
        if header["type"] == "RegularExpression":
            return re.fullmatch(header["value"], value) is not None
        return value == header["value"]

    return all(map(one, wanted))


def names(backends: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(each["name"], each["modelNameOverride"], each["priority"]) for each in backends]


@pytest.mark.parametrize("name", ["chat", "gpt-4o-mini"])
def test_id_and_alias_reach_the_canary_by_weight(scope: Scope, name: str) -> None:
    backends = asked(scope, "keys", ADA, name)
    assert names(backends) == [("halls", "qwen3-32b", 0), ("halls", "qwen3-32b-next", 0)]
    assert [each["weight"] for each in backends] == [90, 10]


def test_fallback_follows_the_chain_by_priority(scope: Scope) -> None:
    assert names(asked(scope, "keys", BOB, "large")) == [
        ("openrouter", "large-1", 0),
        ("halls", "qwen3-32b", 1),
        ("halls", "qwen3-32b-next", 1),
    ]


@pytest.mark.parametrize(
    ("listener", "client", "name"),
    [
        ("keys", ADA, "large"),  # not granted
        ("keys", BOB, "embed"),
        ("keys", BOB, "unknown"),
        ("keys", AGENT, "chat"),  # a workload's identity has no place among keys
        ("id", BOB, "chat"),  # and the other way round
        ("id", AGENT.replace("support", "finance"), "chat"),
        ("id", AGENT + "x", "chat"),
        ("id", AGENT.replace("twin.example", "twinxexample"), "chat"),
        ("keys", f"{ADA[:6]}2{ADA[6:]}", "chat"),
    ],
)
def test_nobody_else_is_answered(scope: Scope, listener: str, client: str, name: str) -> None:
    assert asked(scope, listener, client, name) == []


def test_workloads_are_answered_by_identity(scope: Scope) -> None:
    assert names(asked(scope, "id", AGENT, "large"))[0] == ("openrouter", "large-1", 0)


def test_high_risk_needs_a_second_factor_and_no_key_has_one(scope: Scope) -> None:
    risky = model_with(scope, "large", {"highRisk": True})
    assert asked(risky, "keys", BOB, "large") == []
    assert asked(risky, "id", AGENT, "large") == []
    assert asked(risky, "id", AGENT, "large", **{naming.ASSURANCE_HEADER: "pwd"}) == []
    assert asked(risky, "id", AGENT, "large", **{naming.ASSURANCE_HEADER: "mfa"})


@pytest.mark.parametrize("state", ["proposed", "exiting", "gone"])
def test_a_provider_that_does_not_serve_gets_nothing(scope: Scope, state: str) -> None:
    lifecycle = {"state": state, "since": "2026-06-01", "owner": "serving@bastide.example"}
    leaving = provider_with(scope, "openrouter", {"lifecycle": lifecycle})
    assert names(asked(leaving, "keys", BOB, "large"))[0] == ("halls", "qwen3-32b", 1)
    grant = routes.reference_grant(leaving, routes.used_providers(leaving.use, leaving.gateway))
    assert "openrouter" not in {to["name"] for to in grant["spec"]["to"]}


def test_the_tenants_name_goes_on_the_premises_only(scope: Scope) -> None:
    backends = {
        each["name"]: each for name in ("large", "claude") for each in asked(scope, "keys", BOB, name)
    }
    told = {"set": [{"name": naming.TENANT_HEADER, "value": "acme"}]}
    assert backends["halls"]["headerMutation"] == told
    assert "headerMutation" not in backends["openrouter"]
    assert "headerMutation" not in backends["anthropic"]


def test_exactly_what_routes_name_is_granted(scope: Scope) -> None:
    made = values.entrances(scope) + values.credentials(scope)
    named = {
        each["name"]
        for route in made
        if route["kind"] == "AIGatewayRoute"
        for rule in route["spec"]["rules"]
        for each in rule["backendRefs"]
    }
    [grant] = [each for each in made if each["kind"] == "ReferenceGrant"]
    for kind in ("AIServiceBackend", "Backend"):
        assert {to["name"] for to in grant["spec"]["to"] if to["kind"] == kind} == named
    assert {source["namespace"] for source in grant["spec"]["from"]} == {"acme-gateway"}


def test_many_models_are_spread_over_routes(scope: Scope) -> None:
    chat = scope.gateway.model("chat")
    assert chat
    ids = [f"chat-{i}" for i in range(40)]
    models = [chat.model_copy(update={"id": name, "aliases": ()}) for name in ids]
    many = _with_models(scope, models)
    granted = [each | {"models": ids} for each in _grants(many)]
    many = use_with(many, {"grants": granted})
    made = [each for each in routes.routes(many) if each["metadata"]["labels"][naming.LISTENER] == "keys"]
    assert [len(route["spec"]["rules"]) for route in made] == [15, 15, 10]
    assert len({route["metadata"]["name"] for route in made}) == 3
    assert names(asked(many, "keys", ADA, "chat-39"))


def _with_models(scope: Scope, models: list[AiModel]) -> Scope:
    gateway = scope.gateway.model_copy(update={"models": (*scope.gateway.models, *models)})
    return replace(scope, gateway=gateway)


def _grants(scope: Scope) -> list[dict[str, Any]]:
    return [grant.model_dump(mode="json", by_alias=True, exclude_none=True) for grant in scope.use.grants]
