"""The cost of a call: the CEL expression, evaluated."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.gateway.values import cost
from components.model import Accounting, Gateway, Price

TOKENS = st.integers(min_value=0, max_value=2**32 - 1)
ROUTE = "acme-gateway/{}/route/acme-keys-0/rule/3/ref/1"


def evaluated(expression: str, backend: str, model: str, *counts: int) -> int:
    """What the gateway would count; `counts` are of fresh input, cached input and output."""
    fresh, cached, output = (*counts, 0, 0, 0)[:3]
    values = {
        "input_tokens": f"{fresh + cached}u",
        "cached_input_tokens": f"{cached}u",
        "output_tokens": f"{output}u",
        "backend": f"'{backend}'",
        "model": f"'{model}'",
    }
    literal = re.sub(r"\b(\w+)\b(?!')", lambda found: values.get(found[1], found[1]), expression)
    result = cel.evaluate(literal, {})
    assert isinstance(result, int)
    return result


def expected(gateway: Gateway, price: Price, fresh: int, cached: int, output: int) -> int:
    held = price.input if price.cached_input is None else price.cached_input
    money = Fraction(price.input) * fresh + Fraction(held) * cached + Fraction(price.output) * output
    return math.ceil(money / 1_000_000 / Fraction(gateway.accounting.unit))


def pairs(gateway: Gateway) -> list[tuple[str, Price]]:
    return [(provider.id, price) for provider in gateway.providers for price in provider.prices]


@settings(deadline=None, max_examples=40)
@given(counts=st.tuples(*[st.integers(min_value=0, max_value=2_000_000)] * 3))
def test_every_pair_costs_its_price_rounded_up(gateway: Gateway, counts: tuple[int, int, int]) -> None:
    expression = cost.expression(gateway)
    assert len(pairs(gateway)) == 5
    for provider, price in pairs(gateway):
        found = evaluated(expression, ROUTE.format(provider), price.model, *counts)
        assert found == expected(gateway, price, *counts)


def test_a_known_call_costs_what_the_price_table_says(gateway: Gateway) -> None:
    """1,000 fresh, 2,000 cached and 500 made tokens of large-1: 0.0025 + 0.0025 + 0.005 EUR = 100 units."""
    expression = cost.expression(gateway)
    assert evaluated(expression, ROUTE.format("openrouter"), "large-1", 1000, 2000, 500) == 100
    assert evaluated(expression, ROUTE.format("openrouter"), "large-1", 1) == 1
    assert evaluated(expression, ROUTE.format("openrouter"), "large-1") == 0


def test_a_pair_without_a_price_costs_the_dearest(gateway: Gateway) -> None:
    expression = cost.expression(gateway)
    dearest = evaluated(expression, ROUTE.format("anthropic"), "claude-large", 1000, 0, 1000)
    for backend, model in (("halls", "unheard-of"), ("nobody", "qwen3-32b"), ("halls", "large-1")):
        assert evaluated(expression, ROUTE.format(backend), model, 1000, 0, 1000) == dearest > 0


def test_a_providers_name_within_anothers_is_no_match(gateway: Gateway) -> None:
    """`halls` is cheap; a route or a namespace of that name, or a longer name, must not make others so."""
    expression = cost.expression(gateway)
    cheap = evaluated(expression, ROUTE.format("halls"), "qwen3-32b", 10**6)
    for backend in (
        "acme-gateway/great-halls/route/r/rule/0/ref/0",
        "halls/other/route/r/rule/0/ref/0",
        "acme-gateway/other/route/halls/rule/0/ref/0",
    ):
        assert evaluated(expression, backend, "qwen3-32b", 10**6) > cheap


@pytest.mark.parametrize("fresh", [0, 2**32 - 1])
def test_the_largest_counts_do_not_overflow(gateway: Gateway, fresh: int) -> None:
    """Counts have 32 bits, the arithmetic 64 without a sign."""
    dear = Price(model="m", input=Decimal("999.999999"), cached_input=Decimal(500), output=Decimal(999))
    provider = gateway.providers[0].model_copy(update={"prices": (dear,)})
    one = gateway.model_copy(update={"providers": (provider,)})
    counts = (fresh, 2**32 - 1 - fresh, 2**32 - 1)
    found = evaluated(cost.expression(one), ROUTE.format("halls"), "m", *counts)
    assert found == expected(one, dear, *counts)


def test_more_cached_than_input_tokens_is_no_error(gateway: Gateway) -> None:
    """A provider that miscounts must not make a call free: an error would leave it without a cost."""
    odd = cost.expression(gateway).replace("cached_input_tokens", "50u")
    assert evaluated(odd, ROUTE.format("openrouter"), "large-1", 10) == 1


def test_a_smaller_unit_counts_finer(gateway: Gateway) -> None:
    fine = Accounting(currency="EUR", unit=Decimal("0.000001"), monthly=Decimal(1))
    finer = gateway.model_copy(update={"accounting": fine})
    assert evaluated(cost.expression(finer), ROUTE.format("openrouter"), "large-1", 1) == 3


def test_there_is_no_floating_point_in_it(gateway: Gateway) -> None:
    assert not re.search(r"\d\.\d", cost.expression(gateway).replace("model == '", ""))


def test_the_gateway_counts_what_limits_and_the_audit_read(gateway: Gateway) -> None:
    counted = cost.config(gateway, {})["spec"]["globalLLMRequestCosts"]
    assert {each["metadataKey"]: each["type"] for each in counted} == {
        "input_tokens": "InputToken",
        "cached_input_tokens": "CachedInputToken",
        "output_tokens": "OutputToken",
        "total_tokens": "TotalToken",
        "cost": "CEL",
    }
