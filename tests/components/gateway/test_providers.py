"""Providers as objects: what there is of each, where keys come from, what they are told of callers."""

from __future__ import annotations

import pytest

from components import naming
from components.gateway import values
from components.gateway.values import home, providers
from components.kubernetes import Manifest
from components.model import Gateway, Lifecycle, Provider


def named(gateway: Gateway, name: str) -> Provider:
    found = gateway.provider(name)
    assert found
    return found


def objects(gateway: Gateway, name: str) -> dict[str, Manifest]:
    made = providers.provider(gateway, named(gateway, name), {})
    return {manifest["kind"]: manifest for manifest in made}


def in_state(gateway: Gateway, name: str, state: str) -> Gateway:
    old = named(gateway, name)
    lifecycle = Lifecycle.model_validate({**old.lifecycle.model_dump(), "state": state})
    changed = old.model_copy(update={"lifecycle": lifecycle})
    others = [changed if each.id == name else each for each in gateway.providers]
    return gateway.model_copy(update={"providers": tuple(others)})


@pytest.mark.parametrize(
    ("state", "has_objects", "is_offered"),
    [
        ("proposed", False, False),
        ("admitted", True, True),
        ("degraded", True, True),
        ("exiting", True, False),
        ("gone", False, False),
    ],
)
def test_objects_follow_the_providers_state(
    gateway: Gateway, state: str, has_objects: bool, is_offered: bool
) -> None:
    changed = in_state(gateway, "openrouter", state)
    names = {
        manifest["metadata"]["name"]
        for manifest in values.upstreams(changed, {})
        if manifest["kind"] == "AIServiceBackend"
    }
    assert names == {"halls", "anthropic", *(["openrouter"] if has_objects else [])}
    assert ("openrouter" in values.outputs(changed).providers) is is_offered
    assert ("openrouter" in providers.table(changed)) is has_objects


def test_one_that_leaves_loses_its_way_out(gateway: Gateway) -> None:
    """Even a forgotten route would not reach it."""

    def reached(which: Gateway) -> bool:
        return any("api.openrouter.example" in str(policy) for policy in values.fences(which, {}))

    assert reached(gateway)
    assert not reached(in_state(gateway, "openrouter", "exiting"))


def test_every_provider_speaks_its_own_api(gateway: Gateway) -> None:
    schemas = {
        each.id: objects(gateway, each.id)["AIServiceBackend"]["spec"]["schema"] for each in gateway.providers
    }
    assert schemas == {
        "halls": {"name": "OpenAI", "prefix": "v1"},
        "openrouter": {"name": "OpenAI", "prefix": "v1"},
        "anthropic": {"name": "Anthropic", "prefix": "v1"},
    }
    for each in gateway.providers:
        made = objects(gateway, each.id)
        reference = made["AIServiceBackend"]["spec"]["backendRef"]
        assert (reference["kind"], reference["name"]) == ("Backend", made["Backend"]["metadata"]["name"])
        assert {one["metadata"]["namespace"] for one in made.values()} == {"bastide-gateway"}


@pytest.mark.parametrize(
    ("api", "kind", "field"),
    [
        ("OpenAI", "APIKey", "apiKey"),
        ("Anthropic", "AnthropicAPIKey", "anthropicAPIKey"),
        ("AzureOpenAI", "AzureAPIKey", "azureAPIKey"),
    ],
)
def test_keys_come_from_the_store_and_never_stand_in_a_manifest(
    gateway: Gateway, api: str, kind: str, field: str
) -> None:
    wanted = named(gateway, "openrouter").model_copy(update={"api": api})
    made = {one["kind"]: one for one in providers.provider(gateway, wanted, {})}
    security, secret = made["BackendSecurityPolicy"]["spec"], made["ExternalSecret"]["spec"]
    assert security["type"] == kind
    assert set(security) == {"targetRefs", "type", field}
    assert security[field]["secretRef"]["name"] == secret["target"]["name"]
    [entry] = secret["data"]
    assert entry == {
        "secretKey": "apiKey",
        "remoteRef": {"key": "providers/openrouter/api-key", "property": "value"},
    }
    assert secret["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "bastide"}
    assert secret["target"]["deletionPolicy"] == "Delete"
    assert not [one for one in made.values() if one["kind"] == "Secret"]


def test_one_without_a_key_is_sent_none(gateway: Gateway) -> None:
    assert set(objects(gateway, "halls")) == {"Backend", "AIServiceBackend"}


def test_no_provider_sees_a_callers_credential_and_none_outside_sees_more(gateway: Gateway) -> None:
    removed = {
        each.id: objects(gateway, each.id)["AIServiceBackend"]["spec"]["headerMutation"]["remove"]
        for each in gateway.providers
    }
    for names in removed.values():
        assert {"authorization", "x-api-key", "api-key", "cookie"} <= set(names)
        assert len(names) <= 16, "as many as a mutation may name"
    outside = set(removed["openrouter"])
    assert {"x-forwarded-for", "x-forwarded-host", naming.HOST_HEADER, naming.ASSURANCE_HEADER} <= outside
    assert removed["halls"] == list(providers.CREDENTIALS)


def test_what_limits_count_by_is_left_where_it_is(gateway: Gateway) -> None:
    """Limits are counted at the end of a call, from the very headers that went to the provider."""
    removed = objects(gateway, "openrouter")["AIServiceBackend"]["spec"]["headerMutation"]["remove"]
    assert not {naming.CLIENT_HEADER, naming.MONTH_HEADER, naming.TASK_HEADER} & set(removed)


def test_backends_say_what_the_charter_asks(gateway: Gateway) -> None:
    about = objects(gateway, "openrouter")["AIServiceBackend"]["metadata"]
    assert about["labels"][naming.PREMISES] == "off"
    assert about["annotations"] == {naming.DATA_CLASSES: "public,internal", naming.PRICES: "large-1"}
    assert objects(gateway, "halls")["Backend"]["metadata"]["labels"][naming.PREMISES] == "on"
    about = home.home({}, "owner@bastide.example", providers.table(gateway))["metadata"]
    assert about["annotations"][naming.BACKENDS].split("\n") == [
        *(
            f"halls {model} on public,internal,confidential,restricted"
            for model in ("qwen3-32b", "qwen3-32b-next", "qwen3-embedding")
        ),
        "openrouter large-1 off public,internal",
        "anthropic claude-large off public,internal",
    ]


def test_outputs_name_what_tenants_may_name(gateway: Gateway) -> None:
    assert values.outputs(gateway).dump() == {
        "domain": "ai.twin.example",
        "namespace": "bastide-gateway",
        "providers": ["halls", "openrouter", "anthropic"],
        "models": ["chat", "large", "claude", "embed"],
        "tiers": ["L1", "L2", "L3", "L4"],
        "toolServers": ["search"],
    }
