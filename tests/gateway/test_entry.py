"""Who gets in: keys, tokens, tenants apart; what a caller cannot pretend, and what providers learn of him."""

from __future__ import annotations

from typing import Any

import pytest

from components import naming
from components.cluster import MERGE_PATCH
from tests.gateway.house import CHAT, House
from tests.support.gateway.live import secret_value
from tests.support.gateway.wire import until

pytestmark = pytest.mark.plane


def test_a_key_is_taken_from_either_header(house: House) -> None:
    assert house.ask().status == 200
    key = house.key("acme", "desk")
    body = {"model": "chat", "messages": [{"role": "user", "content": "x"}]}
    assert house.live.call(house.host("acme"), CHAT, body, {"x-api-key": key}).status == 200


@pytest.mark.parametrize("authorization", ["", "Bearer nobody's", "Basic YTpi"])
def test_no_key_or_a_wrong_one_is_refused_and_written_down(house: House, authorization: str) -> None:
    answer = house.ask(headers={"authorization": authorization, "user-agent": authorization})
    assert answer.status == 401
    record = house.record(status=401)
    assert record["client"] is None
    assert record["host"] == house.host("acme")
    assert house.live.seen("halls") == []


def test_a_tenants_key_opens_no_other_tenants_host(house: House) -> None:
    own, foreign = house.key("globex", "desk"), {"host": house.host("acme")}
    assert house.ask(tenant="globex").status == 200
    assert house.ask(headers={"authorization": f"Bearer {own}", **foreign}).status == 401


def test_an_unknown_host_has_no_route(house: House) -> None:
    assert house.ask(headers={"host": f"nobody.keys.{house.live.gateway.domain}"}).status == 404


def test_the_client_is_noted_and_the_tenant_told_on_the_premises_only(house: House) -> None:
    assert house.ask("chat").status == 200
    (near,) = house.live.seen("halls")
    assert near["headers"][naming.TENANT_HEADER] == "acme"
    assert house.ask("large").status == 200
    (far,) = house.live.seen("openrouter")
    assert naming.TENANT_HEADER not in far["headers"]
    for provider in (near, far):
        assert house.key("acme", "desk") not in str(provider), "the caller's key went on"
    assert house.record(backend="acme-gateway/openrouter")["client"] == house.client("acme", "desk")


def test_a_provider_off_the_premises_learns_no_name_address_or_session(house: House) -> None:
    own = {"cookie": "session=1", "x-forwarded-for": "192.0.2.7", "x-bastide-source": "192.0.2.8"}
    assert house.ask("large", headers=own).status == 200
    (seen,) = house.live.seen("openrouter")
    for secret in ("bob", "desk", "127.0.0.1", "192.0.2.", "session=1"):
        assert secret not in str(seen["headers"]), secret
    assert house.record(backend="acme-gateway/openrouter")["source"] == "127.0.0.1"


def test_a_provider_gets_its_own_key(house: House) -> None:
    assert house.ask("large").status == 200
    (seen,) = house.live.seen("openrouter")
    assert seen["headers"]["authorization"] == f"Bearer {secret_value('providers/openrouter/api-key')}"


def test_nobody_says_who_he_is(house: House) -> None:
    forged = {
        naming.CLIENT_HEADER: house.client("acme", "ada-laptop"),
        naming.TENANT_HEADER: "globex",
        naming.MONTH_HEADER: "1999-01",
        naming.DECISION_HEADER: "allow",
        naming.MODEL_HEADER: "embed",
    }
    assert house.ask("chat", headers=forged).status == 200
    (seen,) = house.live.seen("halls")
    assert seen["headers"][naming.TENANT_HEADER] == "acme"
    record = house.record(status=200)
    assert record["client"] == house.client("acme", "desk")
    assert record["month"] != "1999-01"
    assert record["decision"].startswith("allow;class=internal")
    assert house.ask("embed", headers={naming.MODEL_HEADER: "chat"}).status == 403


def test_a_workload_is_known_by_its_token(house: House) -> None:
    assert house.ask_as_workload().status == 200
    assert house.record(client=house.workload("acme"))["host"] == house.host("acme", naming.ID_LISTENER)


@pytest.mark.parametrize(
    ("subject", "claims", "status"),
    [
        ("", {"life": -120}, 401),
        ("", {"aud": ["another"]}, 403),
        ("", {"iss": "https://issuer.example"}, 401),
        ("spiffe://twin.example/ns/globex-support-agents/sa/agent", {}, 403),
    ],
)
def test_other_tokens_are_refused(house: House, subject: str, claims: dict[str, Any], status: int) -> None:
    assert house.ask_as_workload(subject, **claims).status == status
    assert house.live.seen("halls") == []


def test_a_workloads_listener_takes_no_key(house: House) -> None:
    host = house.host("acme", naming.ID_LISTENER)
    assert house.ask(headers={"host": host}).status == 401


def test_a_key_that_is_taken_away_is_refused_within_a_second(house: House) -> None:
    path = "/api/v1/namespaces/acme-gateway/secrets/keys-0"
    client = house.client("acme", "trial-too")
    value = house.live.cluster.get(path)["data"][client]
    assert house.ask(key="trial-too").status == 200
    house.live.cluster.request("PATCH", path, {"data": {client: None}}, content_type=MERGE_PATCH)
    until(lambda: house.ask(key="trial-too").status == 401, "the key is refused", 1.0)
    house.live.cluster.request("PATCH", path, {"data": {client: value}}, content_type=MERGE_PATCH)
    until(lambda: house.ask(key="trial-too").status == 200, "the key is taken again", 1.0)
