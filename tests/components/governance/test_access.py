"""Who gets in, with which tools, under which rules of the guard."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components import naming
from components.governance import values
from components.governance.values import access, guard, tools
from components.governance.values.scope import Scope
from tests.components.governance.changed import model_with, use_with

ADA = naming.client("acme", "coding", "research", "ada", "ada-laptop")
BOB = naming.client("acme", "office", "support", "bob", "desk")
KEYS = {ADA, BOB}
AGENT = "spiffe://twin.example/ns/acme-support-agents/sa/agent"


def everything(scope: Scope) -> list[dict[str, Any]]:
    return [
        values.home(scope, "platform@bastide.example"),
        *values.guards(scope),
        *values.credentials(scope),
        *values.policies(scope),
        *values.entrances(scope),
    ]


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in manifests if each["kind"] == kind]


def test_every_key_is_born_in_the_store_and_brought_under_its_client_id(scope: Scope) -> None:
    made = access.secrets(scope)
    [brought] = of_kind(made, "ExternalSecret")
    paths = {each["secretKey"]: each["remoteRef"]["key"] for each in brought["spec"]["data"]}
    born = {
        match["match"]["remoteRef"]["remoteKey"]
        for each in of_kind(made, "PushSecret")
        for match in each["spec"]["data"]
    }
    assert set(paths) == KEYS
    assert set(paths.values()) == born == {"tenants/acme/keys/ada-laptop", "tenants/acme/keys/desk"}
    assert {each["spec"]["refreshInterval"] for each in of_kind(made, "PushSecret")} == {"12h"}


def test_every_key_says_who_answers_for_it_and_until_when(scope: Scope) -> None:
    [brought] = of_kind(access.secrets(scope), "ExternalSecret")
    rows = [row.split(" ") for row in brought["metadata"]["annotations"][naming.KEYS].split("\n")]
    assert [BOB, "bob@acme.example", "2035-06-30", "office", "internal"] in rows
    assert {row[0] for row in rows} == KEYS


def test_keys_are_refused_without_a_known_secret(scope: Scope) -> None:
    [keys] = [each for each in access.security_policies(scope) if each["metadata"]["name"] == "keys"]
    auth = keys["spec"]["apiKeyAuth"]
    [brought] = of_kind(access.secrets(scope), "ExternalSecret")
    assert [each["name"] for each in auth["credentialRefs"]] == [brought["spec"]["target"]["name"]]
    assert auth["sanitize"] is True
    assert auth["forwardClientIDHeader"] == naming.CLIENT_HEADER


def test_workloads_are_known_one_by_one(scope: Scope) -> None:
    [ids] = [each for each in access.security_policies(scope) if each["metadata"]["name"] == "id"]
    authorization = ids["spec"]["authorization"]
    assert authorization["defaultAction"] == "Deny"
    [rule] = authorization["rules"]
    assert rule["principal"]["jwt"]["claims"] == [{"name": "sub", "values": [AGENT]}]
    [provider] = ids["spec"]["jwt"]["providers"]
    assert provider["audiences"] == ["ai-gateway"]


def test_many_keys_are_spread_over_objects_far_below_their_limits(scope: Scope) -> None:
    own = [key.model_dump(mode="json", by_alias=True) for key in scope.use.keys]
    many = [own[1] | {"id": f"desk-{i}"} for i in range(10_000)]
    crowd = use_with(scope, {"keys": many})
    made = everything(crowd)
    assert len(of_kind(made, "PushSecret")) == 10_000
    sizes = [len(json.dumps(each)) for each in made]
    notes = [len(json.dumps(each["metadata"].get("annotations", {}))) for each in made]
    assert max(sizes) < 900 * 1024
    assert max(notes) < 256 * 1024
    names = [(each["kind"], each["metadata"]["name"]) for each in made]
    assert len(set(names)) == len(names)


def test_a_tenant_without_keys_or_workloads_has_no_entrance(scope: Scope) -> None:
    nothing = use_with(scope, {"keys": [], "workloads": [], "tools": []})
    made = everything(nothing)
    assert not of_kind(made, "AIGatewayRoute")
    assert not of_kind(made, "MCPRoute")
    assert not of_kind(made, "ExternalSecret")


def test_tools_are_named_one_by_one_and_by_grant(scope: Scope) -> None:
    [route] = of_kind(tools.tools(scope), "MCPRoute")
    [reference] = route["spec"]["backendRefs"]
    assert reference["toolSelector"] == {"include": ["web_search"]}
    authorization = route["spec"]["securityPolicy"]["authorization"]
    assert authorization["defaultAction"] == "Deny"
    [rule] = authorization["rules"]
    assert rule["target"]["tools"] == [{"backend": "tools-search", "tool": "web_search"}]
    [pattern] = re.findall(r'matches\("(.*)"\)', rule["cel"])
    expression = re.compile(json.loads(f'"{pattern}"'))
    assert expression.search(BOB)
    assert not expression.search(ADA)
    assert not expression.search(f"{ADA}.office.x")
    assert not expression.search(f"my-{BOB}")


def test_the_guard_knows_what_leaves(scope: Scope) -> None:
    rules = json.loads(guard.policy(scope)["data"]["policy.json"])
    leaving = {name: model["leaves"] for name, model in rules["models"].items()}
    assert leaving == {
        "chat": False,
        "gpt-4o-mini": False,
        "large": True,
        "gpt-5": True,
        "claude": True,
        "embed": False,
    }


def test_a_fallback_off_the_premises_is_enough_to_leave(scope: Scope) -> None:
    moved = model_with(scope, "chat", {"fallback": "large"})
    rules = json.loads(guard.policy(model_with(moved, "large", {"fallback": None}))["data"]["policy.json"])
    assert rules["models"]["chat"]["leaves"] is True


@pytest.mark.parametrize(
    ("cut", "refused", "kept"),
    [
        ({"grant": "office"}, [AGENT, BOB], [ADA]),
        ({"department": "research"}, [ADA], [AGENT, BOB]),
        ({"user": "bob"}, [BOB], [AGENT, ADA]),
    ],
)
def test_a_cut_off_concerns_exactly_its_clients(
    scope: Scope, cut: dict[str, str], refused: list[str], kept: list[str]
) -> None:
    told = {"since": "2026-11-20", "by": "owner@acme.example", "reason": "Leaked"}
    rules = json.loads(guard.policy(use_with(scope, {"cutOffs": [cut | told]}))["data"]["policy.json"])
    [found] = rules["cutOffs"]
    assert found["reason"] == "Leaked"
    assert all(re.fullmatch(found["clients"], client) for client in refused)
    assert not any(re.fullmatch(found["clients"], client) for client in kept)


def test_all_of_it_is_in_the_platforms_hands(scope: Scope) -> None:
    kinds = {each["kind"] for each in everything(scope)}
    assert not kinds & {"Role", "RoleBinding", "ServiceAccount"}
    outside = {
        (each["kind"], each["metadata"]["namespace"])
        for each in everything(scope)
        if each["metadata"].get("namespace") not in (None, "acme-gateway")
    }
    assert outside == {
        ("ConfigMap", naming.GATEWAY_NAMESPACE),
        ("ReferenceGrant", naming.GATEWAY_NAMESPACE),
    }


def test_client_ids_name_no_person(scope: Scope) -> None:
    for client in KEYS:
        assert not set(client.split(".")) & {"ada", "bob", "ada-laptop", "desk"}
    assert len(KEYS) == 2
