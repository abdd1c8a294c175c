"""The gateway block as registered, and its objects as the real definitions judge them."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from components.cluster import Cluster
from components.gateway.args import GatewayArgs
from components.gateway.component import AiGateway
from components.kubernetes import KubernetesObject
from components.model import Gateway
from policies.registry import rules
from policies.rule import Planned
from tests.support.definitions import strict
from tests.support.registrations import Recording, Registered, record


def build(
    gateway: Gateway, protect: bool = False, definitions: tuple[pulumi.Resource, ...] = ()
) -> AiGateway:
    args = GatewayArgs(
        environment="twin",
        kind="production" if gateway.certificate_issuer else "twin",
        gateway=gateway,
        owner="platform@bastide.example",
        cost_center="cc-0001",
        may_leave=("public", "internal"),
        definitions=definitions,
        protect=protect,
    )
    return AiGateway("gateway", args)


def recorded(gateway: Gateway, protect: bool = False) -> Recording:
    return record(lambda: build(gateway, protect))


def objects(recording: Recording) -> list[Registered]:
    return [found for found in recording.resources if found.type.startswith("kubernetes:")]


def whole(manifest: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers as integers again: the engine's protocol knows floating point only."""
    found: dict[str, Any] = json.loads(json.dumps(manifest), parse_float=_number)
    return found


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def test_every_object_is_what_its_definition_says(
    definitions: Cluster, gateway: Gateway, encrypted: Gateway
) -> None:
    found = {
        one.name: strict(definitions, whole(one.inputs))
        for which in (gateway, encrypted)
        for one in objects(recorded(which))
    }
    assert len(found) >= 40
    assert {name: errors for name, errors in found.items() if errors} == {}


@pytest.mark.parametrize("with_certificates", [False, True])
def test_every_object_obeys_the_charter(
    gateway: Gateway, encrypted: Gateway, with_certificates: bool
) -> None:
    found = objects(recorded(encrypted if with_certificates else gateway))
    stack = [Planned(type=one.type, urn=one.name, props=one.inputs) for one in found]
    wrong = []
    for rule in rules():
        if rule.check_stack:
            wrong += [f"{urn}: {message}" for urn, message in rule.check_stack(stack)]
        elif rule.check:
            judged = [
                one for one in found if f"{one.inputs['apiVersion']}/{one.inputs['kind']}" in rule.kinds
            ]
            wrong += [f"{one.name}: {message}" for one in judged for message in rule.check(one.inputs)]
    assert wrong == []


def test_all_comes_after_the_definitions_and_the_namespace(gateway: Gateway) -> None:
    def program() -> None:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "definitions"}}
        build(gateway, definitions=(KubernetesObject("definitions", manifest),))

    inside = [
        one
        for one in objects(record(program))
        if one.name not in ("definitions", "namespace/bastide-gateway")
    ]
    assert len(inside) >= 30
    for one in inside:
        assert {"definitions", "namespace/bastide-gateway"} <= one.after, one.name


def test_the_gateway_comes_last(gateway: Gateway) -> None:
    """No call passes before its policies, the guard and the settings of its proxies are there."""
    recording = recorded(gateway)
    before = recording.named("gateway/bastide-gateway/ai-0").after
    policies = {
        "clienttrafficpolicy/bastide-gateway/ai",
        "backendtrafficpolicy/bastide-gateway/ai",
        "envoyextensionpolicy/bastide-gateway/ai",
        "gatewayclass/bastide-ai",
    }
    assert policies <= before
    for name in policies:
        assert {
            "deployment/bastide-gateway/guard",
            "envoyproxy/bastide-gateway/bastide-ai",
            "gatewayconfig/bastide-gateway/ai",
        } <= recording.named(name).after


def test_what_guards_the_gateway_is_protected_where_asked(gateway: Gateway) -> None:
    protected = {found.name for found in recorded(gateway, protect=True).resources if found.protect}
    assert protected == {
        "namespace/bastide-gateway",
        "resourcequota/bastide-gateway/quota",
        "limitrange/bastide-gateway/limits",
        "networkpolicy/bastide-gateway/default-deny",
        "networkpolicy/bastide-gateway/allow-dns",
        "networkpolicy/bastide-gateway/proxies",
        "networkpolicy/bastide-gateway/guard",
        "ciliumnetworkpolicy/bastide-gateway/proxies",
        "ciliumnetworkpolicy/bastide-gateway/guard",
        "gatewayclass/bastide-ai",
        "clienttrafficpolicy/bastide-gateway/ai",
        "backendtrafficpolicy/bastide-gateway/ai",
        "envoyextensionpolicy/bastide-gateway/ai",
        "gateway/bastide-gateway/ai-0",
    }
    assert not [found for found in recorded(gateway).resources if found.protect]


def test_outputs_are_registered(gateway: Gateway) -> None:
    outputs = recorded(gateway).outputs["gateway"]
    assert outputs["providers"] == ["halls", "openrouter", "anthropic"]
    assert outputs["namespace"] == "bastide-gateway"
