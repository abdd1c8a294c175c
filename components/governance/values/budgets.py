"""A tenant's budgets: money in a calendar month, for the whole, a department or a user, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from components import naming
from components.governance.values.scope import Scope

CUT_OFF: Final = 100


@dataclass(frozen=True, kw_only=True)
class Step:
    """A share of a budget: at `percent` of it somebody is told, at 100 nobody is let in.

    `clients` (empty: everybody who gets in) and `months` say whose calls count, and in which months;
    `units` is the amount in units of `accounting.unit`.
    """

    level: str
    name: str
    percent: int
    clients: str
    months: Sequence[Mapping[str, Any]]
    units: int

    @property
    def enforced(self) -> bool:
        return self.percent == CUT_OFF


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Money for some clients: `monthly`, and what transfers change in some months."""

    level: str
    name: str
    clients: str
    monthly: Decimal
    by_month: Mapping[str, Decimal]


def budgets(scope: Scope) -> Iterator[Budget]:
    """The budgets of the tenant, its departments and its users."""
    use = scope.use
    yield Budget(level="enterprise", name=scope.tenant, clients="", monthly=use.monthly, by_month={})
    for each in use.departments:
        yield Budget(
            level="department",
            name=each.department,
            clients=scope.of_department(each.department),
            monthly=each.monthly,
            by_month=use.transferred(each.department),
        )
    for user in use.users:
        who = scope.of_user(user.user)
        yield Budget(level="user", name=user.user, clients=who, monthly=user.monthly, by_month={})


def steps(scope: Scope) -> list[Step]:
    """All steps of all budgets."""
    accounting = scope.gateway.accounting
    return [
        Step(
            level=budget.level,
            name=budget.name,
            percent=percent,
            clients=budget.clients,
            months=months,
            units=math.floor(amount * percent / 100 / accounting.unit),
        )
        for budget in budgets(scope)
        for months, amount in _windows(budget)
        for percent in (*accounting.steps, CUT_OFF)
    ]


def _windows(budget: Budget) -> Iterator[tuple[list[dict[str, Any]], Decimal]]:
    """Months with transfers count by themselves, all others by one rule, each under its own name."""
    month = {"name": naming.MONTH_HEADER, "type": "Exact"}
    changed = sorted(budget.by_month)
    for value in changed:
        yield [{**month, "value": value}], budget.monthly + budget.by_month[value]
    others = [{**month, "value": value, "invert": True} for value in changed]
    yield [*others, {"name": naming.MONTH_HEADER, "type": "Distinct"}], budget.monthly
