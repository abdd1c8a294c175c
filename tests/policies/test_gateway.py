"""What rules about the gateway read of its objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components import naming
from policies.gateway import over, table
from policies.limits import caps, holds, limits
from policies.unknown import UNKNOWN, known


def noted(text: Any) -> dict[str, Any]:
    return {"metadata": {"annotations": {naming.KEYS: text}}}


def test_a_table_is_read_as_it_was_written() -> None:
    rows = [("chat.-.bob.phone", "bob@acme.example"), ("a", "b,c")]
    assert table(noted(naming.table(rows)), naming.KEYS, 2) == rows
    assert table(noted(naming.table([])), naming.KEYS, 2) == []
    assert table({}, naming.KEYS, 2) == []
    assert not known(table(noted(UNKNOWN), naming.KEYS, 2))


def test_a_row_of_another_width_says_nothing() -> None:
    assert table(noted("a b\na b c\na  b\n"), naming.KEYS, 2) == [("a", "b")]


@pytest.mark.parametrize("field", ["", " ", "a b", "a\nb", "a\u00a0b", "a\t"])
def test_a_field_that_would_break_its_row_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="no field of a table"):
        naming.table([("a", field)])


def test_the_last_day_still_counts() -> None:
    today = datetime.now(UTC).date()
    assert over(today.isoformat()) == ""
    assert over((today - timedelta(days=1)).isoformat()).startswith("expired on ")
    assert over("2999-1-1") == "2999-1-1 is no date"


def test_a_broken_expression_bounds_nobody() -> None:
    header = {"name": naming.CLIENT_HEADER, "type": "RegularExpression", "value": "(coding"}
    cost = {"response": {"metadata": {"key": "total_tokens"}}}
    rule = {
        "clientSelectors": [{"headers": [header]}],
        "limit": {"requests": 1, "unit": "Day"},
        "cost": cost,
    }
    policy = {"spec": {"rateLimit": {"global": {"rules": [rule]}}}}
    [limit] = limits(policy)
    assert not holds(limit, "coding.-.-.-")
    assert caps(policy).of("coding") is None
