"""Where calls go: models by name, fallback, canaries, streams, both forms; what they used is counted."""

from __future__ import annotations

import math
import time

import pytest

from tests.gateway.house import MESSAGES, House, task

pytestmark = pytest.mark.plane


@pytest.mark.parametrize("name", ["chat", "gpt-4o-mini"])
def test_a_model_answers_to_its_aliases(house: House, name: str) -> None:
    assert house.ask(name).json()["model"].startswith("qwen3-32b")
    assert house.record(status=200)["model"] == name


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_the_next_in_the_fallback_order_answers_for_one_that_fails(house: House, status: int) -> None:
    house.live.behave("openrouter", status=status)
    answer = house.ask("large")
    assert (answer.status, answer.json()["model"].partition("-next")[0]) == (200, "qwen3-32b")
    assert len(house.live.seen("openrouter")) == 1
    assert house.record(status=200)["attempts"] == 2


def test_the_next_answers_for_one_that_is_silent(house: House) -> None:
    house.live.behave("openrouter", hang=5)
    begun = time.monotonic()
    answer = house.ask("large")
    assert (answer.status, answer.json()["model"].partition("-next")[0]) == (200, "qwen3-32b")
    assert time.monotonic() - begun < 2.5


def test_a_request_that_is_wrong_is_not_tried_again(house: House) -> None:
    house.live.behave("openrouter", status=400)
    assert house.ask("large").status == 400
    assert len(house.live.seen("openrouter")) == 1
    assert house.live.seen("halls") == []


def test_canaries_get_their_share(house: House) -> None:
    calls, share = 600, 0.1
    assert house.many(calls, 8)["statuses"] == {"200": calls}
    next_one = sum('"qwen3-32b-next"' in seen["body"] for seen in house.live.seen("halls"))
    sigma = math.sqrt(calls * share * (1 - share))
    assert abs(next_one - calls * share) < 5 * sigma


def test_streams_pass_as_they_come_and_are_counted(house: House) -> None:
    house.live.behave("halls", completion=20, pause=0.02)
    answer = house.ask(stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    texts = [c["delta"].get("content", "") for event in answer.events() for c in event["choices"]]
    assert "".join(texts).split() == [f"word{number}" for number in range(20)]
    record = house.record(status=200)
    assert (record["input_tokens"], record["output_tokens"], record["total_tokens"]) == (3, 20, 23)
    assert record["milliseconds"] - record["first_byte_milliseconds"] > 200, "the stream was held back"


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_in_the_form_of_anthropic_is_answered_in_it(house: House, stream: bool) -> None:
    house.live.behave("anthropic", completion=7)
    answer = house.ask("claude", target=MESSAGES, max_tokens=50, stream=stream)
    assert answer.status == 200
    told = answer.events()[-1] if stream else answer.json()
    assert told["type"] == ("message_stop" if stream else "message")
    (seen,) = house.live.seen("anthropic")
    assert seen["path"] == "/v1/messages"
    record = house.record(backend="acme-gateway/anthropic", status=200)
    assert (record["input_tokens"], record["output_tokens"], record["total_tokens"]) == (3, 7, 10)


def test_a_caller_in_the_form_of_anthropic_falls_back_to_a_model_of_the_other(house: House) -> None:
    house.live.behave("anthropic", status=503)
    answer = house.ask("claude", target=MESSAGES, max_tokens=50)
    assert (answer.status, answer.json()["type"]) == (200, "message")
    assert house.live.seen("halls")[0]["path"] == "/v1/chat/completions"


def test_embeddings_are_made_and_counted(house: House) -> None:
    answer = house.live.call(
        house.host("acme"),
        "/v1/embeddings",
        {"model": "embed", "input": "one two three"},
        {"authorization": f"Bearer {house.key('acme', 'ada-laptop')}", **task()},
    )
    assert (answer.status, answer.json()["model"]) == (200, "qwen3-embedding")
    assert house.record(backend_model="qwen3-embedding")["total_tokens"] == 3


def test_a_call_costs_what_the_price_table_says_rounded_up(house: House) -> None:
    house.live.behave("openrouter", completion=250)
    assert house.ask("large").status == 200
    # 3 tokens at 2.5 and 250 at 10 EUR a million, in units of 0.0001 EUR: 25.075
    assert house.record(backend="acme-gateway/openrouter")["cost"] == 26
