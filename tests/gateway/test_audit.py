"""An audit line for every call, whatever became of it; what changes is in force within a second."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cli.usage.records import parse
from components.cluster import MERGE_PATCH
from tests.gateway.house import House
from tests.support.gateway import site
from tests.support.gateway.wire import until

pytestmark = pytest.mark.plane

CALLS = 3000


def test_every_call_of_a_run_of_thousands_is_written_down(house: House) -> None:
    before = house.settled()
    house.live.behave("halls", completion=1)
    found: Counter[str] = Counter()
    for key, model, calls in (("desk", "chat", CALLS), ("trial", "chat", 200), ("desk", "embed", 200)):
        found.update(house.many(calls, 16, key, model)["statuses"])
    assert sum(found.values()) == CALLS + 400
    assert set(found) == {"200", "403", "429"}, "not every kind of outcome occurred"
    until(lambda: len(house.live.records()) >= before + CALLS + 400, "all audit lines", 10)
    records = house.live.records()[before:]
    assert Counter(str(record["status"]) for record in records) == found
    assert len({record["request"] for record in records}) == CALLS + 400
    assert all(record["client"] and record["host"] == house.host("acme") for record in records)


def test_records_are_what_the_accounting_reads(house: House) -> None:
    house.live.behave("openrouter", completion=500)
    assert house.ask("large").status == 200
    record = parse(json.dumps(house.record(backend="acme-gateway/openrouter")).encode())
    assert record
    assert (record.model, record.provider, record.served) == ("large", "openrouter", "large-1")
    assert (record.input, record.output, record.cost, record.counted) == (3, 500, 51, True)


def test_no_prompt_answer_or_key_is_in_a_line(house: House) -> None:
    assert house.ask("large", "a very particular prompt").status == 200
    assert house.ask(headers={"authorization": "Bearer a-wrong-key"}).status == 401
    house.record(status=401)
    lines = (house.live.data.folder / "envoy.out").read_text(encoding="utf-8")
    for secret in ("particular", "a-wrong-key", house.key("acme", "desk"), "word word"):
        assert secret not in lines


def test_a_cut_off_is_in_force_within_a_second_and_says_why(house: House) -> None:
    path = "/api/v1/namespaces/bastide-gateway/configmaps/guard-acme"
    (policy,) = [each for each in site.tenant(house.model, "acme") if each["kind"] == "ConfigMap"]
    before = policy["data"]["policy.json"]
    rules = json.loads(before)
    reason = "The budget of support is spent."
    rules["cutOffs"] = [{"clients": r"office\..*", "since": "2026-01-01", "reason": reason}]
    change = {"data": {"policy.json": json.dumps(rules)}}
    house.live.cluster.request("PATCH", path, change, content_type=MERGE_PATCH)
    try:
        until(lambda: house.ask().status != 200, "the cut-off", 1.0)
        answer = house.ask()
        assert reason in answer.text
        assert house.ask(key="trial").status == 200, "others were cut off too"
    finally:
        restored = {"data": {"policy.json": before}}
        house.live.cluster.request("PATCH", path, restored, content_type=MERGE_PATCH)
        until(lambda: house.ask().status == 200, "the end of the cut-off", 1.0)


def test_a_provider_that_is_not_granted_any_more_gets_nothing_within_a_second(house: House) -> None:
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/bastide-gateway/referencegrants/tenant-acme"
    live = house.live

    def asked() -> bool:
        live.seen("openrouter")
        house.ask("large")
        return bool(live.seen("openrouter"))

    assert asked()
    before = live.cluster.get(path)["spec"]["to"]
    left = [each for each in before if each["name"] != "openrouter"]
    live.cluster.request("PATCH", path, {"spec": {"to": left}}, content_type=MERGE_PATCH)
    try:
        until(lambda: not asked(), "the provider is out", 1.0)
        assert not any(asked() for _ in range(10))
        assert house.ask("chat").status == 200
    finally:
        live.cluster.request("PATCH", path, {"spec": {"to": before}}, content_type=MERGE_PATCH)
        until(lambda: all(asked() for _ in range(5)), "the provider is in again", 5.0)
