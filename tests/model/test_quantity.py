"""Quantities are parsed exactly, as Kubernetes does, and compare by value."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from components.model.quantity import INT64_MAX, Bytes, Cpu, Quantity

BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL = {"k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


@given(st.integers(0, 2**63), st.sampled_from(sorted(BINARY)))
def test_binary_units(number: int, unit: str) -> None:
    value = number * 1024 ** BINARY[unit]
    if value > INT64_MAX:
        with pytest.raises(PydanticCustomError, match="at most"):
            Bytes(f"{number}{unit}")
    else:
        assert Bytes(f"{number}{unit}").value == value


@given(st.integers(0, 9), st.sampled_from(sorted(DECIMAL)))
def test_decimal_units(number: int, unit: str) -> None:
    assert Quantity(f"{number}{unit}").value == number * 1000 ** DECIMAL[unit]


@given(st.integers(0, INT64_MAX))
def test_of_is_the_inverse_of_value(value: int) -> None:
    assert Bytes.of(value).value == value
    assert Cpu.of(Decimal(value) / 1000).value == Decimal(value) / 1000


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_order_and_sum_are_those_of_the_values(one: int, other: int) -> None:
    left, right = Cpu(f"{one}m"), Cpu(f"{other}m")
    assert (left < right) == (one < other)
    assert (left == right) == (one == other)
    assert (left + right).value == Decimal(one + other) / 1000
    assert (left * 3).value == Decimal(3 * one) / 1000


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_with_a_mend(text: str) -> None:
    refused: dict[str, str] = {"rule": "", "mend": ""}
    try:
        value = Quantity(text).value
    except PydanticCustomError as error:
        refused, value = dict(error.context or {}), Decimal(-1)
    assert 0 <= value <= INT64_MAX or all(refused.values())


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("12e-3", "0.012"), (".5", "0.5"), ("5.", 5), ("+1", 1)],
)
def test_forms_that_kubernetes_takes(text: str, value: int | str) -> None:
    assert Quantity(text).value == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 Gi", "1gi", "1K", "1e", "١", "1_000", "0x1", "nan", "1Gi\n", "--1"]
)
def test_forms_that_kubernetes_refuses(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="must be a Kubernetes quantity"):
        Quantity(text)


def test_nothing_is_rounded() -> None:
    assert Quantity("0." + "1" * 60).value == Decimal("0." + "1" * 60)
    with pytest.raises(PydanticCustomError, match="whole number of bytes"):
        Bytes("1." + "0" * 50 + "1Ki")


def test_equal_values_with_different_texts() -> None:
    assert Bytes("1Gi") == Bytes("1024Mi")
    assert hash(Bytes("1Gi")) == hash(Bytes("1024Mi"))
    assert Bytes("1G") < Bytes("1Gi")
    assert str(Bytes("1024Mi")) == "1024Mi"
