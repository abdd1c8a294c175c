"""How much anybody may use."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from components import naming
from components.governance.values import limits
from components.governance.values.scope import Scope
from tests.components.governance.changed import use_with

ADA = naming.client("acme", "coding", "research", "ada", "ada-laptop")
BOB = naming.client("acme", "office", "support", "bob", "desk")
AGENT = "spiffe://twin.example/ns/acme-support-agents/sa/agent"


def rules(scope: Scope) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = limits.limits(scope)["spec"]["rateLimit"]["global"]["rules"]
    return found


def applying(scope: Scope, **headers: str) -> list[dict[str, Any]]:
    """The rules that count a call with these headers, as Envoy Gateway documents them: all must hold."""
    given = {f"x-bastide-{name}": value for name, value in headers.items()}
    return [
        rule for rule in rules(scope) if all(_holds(s, given) for s in rule["clientSelectors"][0]["headers"])
    ]


def _holds(selector: dict[str, Any], given: dict[str, str]) -> bool:
    value = given.get(selector["name"])
    if value is None:
        return False
    if selector["type"] == "Distinct":
        return True
    matched = (
        re.fullmatch(selector["value"], value) is not None
        if selector["type"] == "RegularExpression"
        else value == selector["value"]
    )
    return matched is not selector.get("invert", False)


def counted(rule: dict[str, Any]) -> str:
    return str(rule.get("cost", {}).get("response", {}).get("metadata", {}).get("key", "calls"))


def enforced(found: list[dict[str, Any]], key: str) -> list[int]:
    return sorted(r["limit"]["requests"] for r in found if counted(r) == key and not r.get("shadowMode"))


@pytest.mark.parametrize(("client", "tokens"), [(ADA, 8_000_000), (BOB, 1_000_000), (AGENT, 1_000_000)])
def test_every_client_has_the_tier_of_its_grant(scope: Scope, client: str, tokens: int) -> None:
    found = [r for r in applying(scope, client=client, month="2026-12") if counted(r) == "total_tokens"]
    assert [(r["limit"]["requests"], r["limit"]["unit"]) for r in found] == [(tokens, "Day")]
    distinct = [s["name"] for s in found[0]["clientSelectors"][0]["headers"] if s["type"] == "Distinct"]
    assert distinct == [naming.CLIENT_HEADER]


def test_budgets_of_all_levels_hold_for_a_key(scope: Scope) -> None:
    found = applying(scope, client=ADA, month="2026-12")
    assert enforced(found, "cost") == [2_000_000, 30_000_000, 50_000_000]  # user, department, tenant


def test_a_workload_spends_its_departments_money(scope: Scope) -> None:
    assert enforced(applying(scope, client=AGENT, month="2026-12"), "cost") == [15_000_000, 50_000_000]


def test_steps_are_told_and_do_not_refuse(scope: Scope) -> None:
    found = [r for r in applying(scope, client=BOB, month="2026-12") if counted(r) == "cost"]
    told = sorted(r["limit"]["requests"] for r in found if r.get("shadowMode"))
    assert told == [12_000_000, 14_250_000, 40_000_000, 47_500_000]  # 80 and 95 % of 1500 and of 5000


@pytest.mark.parametrize(
    ("client", "month", "most"),
    [(ADA, "2026-11", 27_500_000), (ADA, "2026-12", 30_000_000), (BOB, "2026-11", 17_500_000)],
)
def test_a_transfer_holds_for_its_month(scope: Scope, client: str, month: str, most: int) -> None:
    assert most in enforced(applying(scope, client=client, month=month), "cost")


def test_every_month_counts_by_itself(scope: Scope) -> None:
    for rule in rules(scope):
        if counted(rule) == "cost":
            selectors = rule["clientSelectors"][0]["headers"]
            month = [s for s in selectors if s["name"] == naming.MONTH_HEADER and not s.get("invert")]
            assert len(month) == 1
            assert rule["limit"]["unit"] == "Year"


def test_a_task_has_caps_where_the_grant_says_so(scope: Scope) -> None:
    task = {"task": "0190", "fingerprint": "ab", "month": "2026-12"}
    mine = applying(scope, client=ADA, **task)
    assert enforced(mine, "calls") == [5, 200]
    assert 500_000 in enforced(mine, "total_tokens")
    assert enforced(applying(scope, client=BOB, **task), "calls") == []


def test_a_budget_is_never_rounded_up(scope: Scope) -> None:
    odd = use_with(scope, {"users": [{"user": "ada", "monthly": "0.00019"}]})
    assert enforced(applying(odd, client=ADA, month="2026-12"), "cost")[0] == 1


def test_transfers_add_up_by_month(scope: Scope) -> None:
    assert scope.use.transferred("research") == {"2026-11": Decimal(-250)}
    assert scope.use.transferred("support") == {"2026-11": Decimal(250)}
    assert scope.use.transferred("other") == {}


def test_limits_are_shared_by_all_routes(scope: Scope) -> None:
    assert {rule["shared"] for rule in rules(scope)} == {True}


def test_only_tokens_and_calls_are_told_and_they_come_first(scope: Scope) -> None:
    told = [rule["xRateLimitHeaders"] for rule in rules(scope)]
    first = limits.first_budget(scope)
    assert 0 < first < len(told)
    assert set(told[:first]) == {"DraftVersion03"}
    assert set(told[first:]) == {"Off"}
    assert {counted(rule) for rule in rules(scope)[first:]} == {"cost"}


def test_expressions_of_many_workloads_fit(scope: Scope) -> None:
    own = {"grant": "office", "department": "support"}
    many = use_with(scope, {"workloads": [own | {"purpose": f"agents-number-{i:04}"} for i in range(20)]})
    found = [s["value"] for r in rules(many) for s in r["clientSelectors"][0]["headers"] if "value" in s]
    assert any("agents-number-0019" in value for value in found)
    assert max(map(len, found)) <= 1024
