"""Limits as Envoy's own rate limit service counts them: tokens of a tier, money of a budget, tasks."""

from __future__ import annotations

import pytest

from components import naming
from tests.gateway.house import House, task
from tests.support.gateway import site
from tests.support.gateway.wire import until

pytestmark = pytest.mark.plane


def test_a_tier_is_cut_off_at_its_limit_for_each_client_alone(house: House) -> None:
    house.live.behave("halls", completion=57)  # 60 tokens a call, and the tier has 100
    assert site.TIER == 100
    assert [house.ask(key="trial").status for _ in range(4)] == [200, 200, 429, 429]
    assert house.ask(key="trial-too").status == 200
    assert house.ask(key="desk").status == 200
    assert len(house.live.seen("halls")) == 4
    assert house.record(status=429)["client"] == house.client("acme", "trial")
    refused = house.ask(key="trial")
    assert refused.json()["error"]["code"] == "tokens_used_up"
    assert house.record(status=429)["refusal"] == refused.headers[naming.DECISION_HEADER]


def test_what_is_left_is_told(house: House) -> None:
    house.live.behave("halls", completion=57)
    house.ask(key="trial")
    headers = house.ask(key="trial").headers
    assert headers["x-ratelimit-limit"].startswith(f"{site.TIER}, ")
    assert headers["x-ratelimit-remaining"] == "40"


def test_streamed_tokens_count_as_well(house: House) -> None:
    house.live.behave("halls", completion=120)
    assert [house.ask(key="trial", stream=True).status for _ in range(2)] == [200, 429]


def test_a_budget_is_cut_off_when_it_is_spent(house: House) -> None:
    """0.02 EUR are 200 units; a call takes 51."""
    house.live.behave("openrouter", completion=500)
    statuses = [house.ask("large", key="poor").status for _ in range(6)]
    assert statuses == [200, 200, 200, 200, 429, 429]
    assert house.ask("large", key="poor").json()["error"]["code"] == "budget_used_up"
    assert house.record(status=429)["client"] == house.client("acme", "poor")
    assert house.ask("large", key="desk").status == 200, "another's budget was touched"


def test_steps_of_a_budget_are_counted_for_the_alerts_and_let_calls_pass(house: House) -> None:
    house.live.behave("openrouter", completion=500)
    policy = next(each for each in site.tenant(house.model, "acme") if each["kind"] == "BackendTrafficPolicy")
    rules = policy["spec"]["rateLimit"]["global"]["rules"]
    steps = [
        index
        for index, rule in enumerate(rules)
        if rule.get("shadowMode") and rule["limit"]["requests"] in (160, 190)
    ]
    assert len(steps) == 2, "80 and 95 % of 200 units"
    for _ in range(4):
        assert house.ask("large", key="poor").status == 200
    domain = "acme-gateway/limits"

    def counted() -> bool:
        """Both steps were passed: 204 units are beyond 160 and beyond 190."""
        text = house.live.metrics()
        names = [f'shadow_mode{{domain="{domain}",key1="{domain}/rule/{index}_' for index in steps]
        return all(name in text for name in names)

    until(counted, "the steps in the metrics", 15, pause=0.5)


def test_a_task_that_repeats_itself_is_stopped(house: House) -> None:
    """The grant `coding` lets the same message pass five times an hour."""
    own = task()
    statuses = [house.ask(key="ada-laptop", headers=own).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert house.ask(key="ada-laptop", headers=own, text="something else").status == 200
    assert house.ask(key="ada-laptop", headers=task()).status == 200


def test_a_limit_of_one_tenant_is_none_of_anothers(house: House) -> None:
    own = task()
    for _ in range(6):
        house.ask(key="ada-laptop", headers=own)
    assert house.ask(key="ada-laptop", headers=own).status == 429
    assert house.ask(tenant="globex").status == 200
