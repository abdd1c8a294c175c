"""Rules on money: budgets fit in each other, counters can hold them, transfers give what is there."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Final

from components.model.checks import repeated, unknown
from components.model.document import Path_
from components.model.draft import PLATFORM, Draft
from components.model.errors import ConfigProblem
from components.model.granting import Use, uses
from components.model.grants import Transfer
from components.model.types import person

COUNTER_MAX: Final = 2**32 - 1
"""The most that a rate limit counts to (`uint32` in Envoy's rate limit service)."""
MONTHS_AHEAD: Final = 12
"""How far ahead a transfer may be agreed."""


def accounting(draft: Draft) -> Iterator[ConfigProblem]:
    """Cost is counted in units above zero, and steps are told in order before a budget is used up."""
    if draft.gateway is None:
        return
    at: Path_ = ("gateway", "accounting")
    held = draft.gateway.accounting
    if held.unit == 0:
        yield draft.problem(PLATFORM, (*at, "unit"), held.unit, "must be above zero", "Write `0.0001`.")
    for i, step in enumerate(held.steps):
        if not 0 < step < 100:
            mend = "Remove it: at 100 % a budget is cut off anyway." if step else "Remove it."
            yield draft.problem(PLATFORM, (*at, "steps", i), step, "must be from 1 to 99", mend)
        elif i and step <= held.steps[i - 1]:
            rule = f"must be above the step before it ({held.steps[i - 1]})"
            yield draft.problem(PLATFORM, (*at, "steps", i), step, rule, "Write them in ascending order.")


def counters(draft: Draft) -> Iterator[ConfigProblem]:
    """The largest budget of a tenant is within what a counter holds."""
    if draft.gateway is None:
        return
    held = draft.gateway.accounting
    budgets = {
        layer: given.monthly for layer, given in draft.gateways.items() if given.monthly <= held.monthly
    }
    layer = max(budgets, key=lambda each: budgets[each], default="")
    largest = budgets.get(layer, Decimal(0))
    if held.unit and largest / held.unit > COUNTER_MAX:
        digits = (largest / COUNTER_MAX).log10().to_integral_value(ROUND_CEILING)
        enough = Decimal(1).scaleb(int(digits))
        rule = (
            f"must be larger: `{layer}` may spend {_money(largest)}, and counters end at {COUNTER_MAX} units"
        )
        path: Path_ = ("gateway", "accounting", "unit")
        yield draft.problem(PLATFORM, path, f"{held.unit:f}", rule, f"Write `{enough:f}`.")


def tenants_fit(draft: Draft) -> Iterator[ConfigProblem]:
    """The tenants' budgets fit in the platform's, each and all together."""
    if draft.gateway is None:
        return
    whole = draft.gateway.accounting.monthly
    total = Decimal(0)
    for layer, given in draft.gateways.items():
        if given.monthly > whole:
            rule = f"must be at most the platform's `accounting.monthly` ({_money(whole)})"
            yield draft.problem(layer, ("gateway", "monthly"), _money(given.monthly), rule, "Lower it.")
        else:
            total += given.monthly
    if total > whole:
        rule = f"must be at least {_money(total)}, the sum of the tenants' budgets"
        mend = f"Raise it by {_money(total - whole)}, or lower theirs."
        yield draft.problem(PLATFORM, ("gateway", "accounting", "monthly"), _money(whole), rule, mend)


def holders(draft: Draft) -> Iterator[ConfigProblem]:
    """Departments and users with a budget are the tenant's, and have one only."""
    for layer, given in draft.gateways.items():
        tenant = draft.tenants[layer]
        at: Path_ = ("gateway", "departments")
        named = [((*at, i, "department"), each.department) for i, each in enumerate(given.departments)]
        known = [each.id for each in tenant.departments]
        yield from unknown(draft, layer, named, "the id of one of its departments", known)
        yield from repeated(draft, layer, "budget", named)
        at = ("gateway", "users")
        named = [((*at, i, "user"), each.user) for i, each in enumerate(given.users)]
        known = [user.id for each in tenant.departments for user in each.users]
        yield from unknown(draft, layer, named, "the id of one of its users", known)
        yield from repeated(draft, layer, "budget", named)


def parts_fit(draft: Draft) -> Iterator[ConfigProblem]:
    """Departments' budgets fit in the tenant's, a user's in the department's."""
    for layer, given in draft.gateways.items():
        total = sum((each.monthly for each in given.departments), Decimal(0))
        if total > given.monthly:
            rule = f"must be at least {_money(total)}, the sum of the departments' budgets"
            mend = f"Raise it by {_money(total - given.monthly)}, or lower theirs."
            yield draft.problem(layer, ("gateway", "monthly"), _money(given.monthly), rule, mend)
        budgets = {each.department: each.monthly for each in given.departments}
        home = {user.id: each.id for each in draft.tenants[layer].departments for user in each.users}
        for i, user in enumerate(given.users):
            department = home.get(user.user, "")
            most = budgets.get(department, given.monthly)
            if user.monthly > most:
                whose = f"department `{department}`" if department in budgets else "the tenant"
                rule = f"must be at most the budget of {whose} ({_money(most)})"
                path: Path_ = ("gateway", "users", i, "monthly")
                yield draft.problem(layer, path, _money(user.monthly), rule, "Lower it, or raise that.")


def transfer_values(draft: Draft) -> Iterator[ConfigProblem]:
    """A transfer gives something to another department, and was agreed in time."""
    for layer, given in draft.gateways.items():
        for i, each in enumerate(given.transfers):
            at: Path_ = ("gateway", "transfers", i)
            if each.source == each.target:
                rule = "must be another department than `source`"
                yield draft.problem(layer, (*at, "target"), each.target, rule, "Choose another one.")
            if each.amount == 0:
                mend = "Write an amount, or remove the transfer."
                yield draft.problem(layer, (*at, "amount"), each.amount, "must be above zero", mend)
            if each.on > draft.today:
                rule = f"must not be in the future: today is {draft.today}"
                mend = "Write the day on which it was agreed."
                yield draft.problem(layer, (*at, "on"), each.on, rule, mend)
            if not 0 <= _ahead(each) <= MONTHS_AHEAD:
                rule = f"must be from the month of `on` ({each.on:%Y-%m}) to {MONTHS_AHEAD} months later"
                mend = "Choose one of these: budgets of months that are over stay as they were."
                yield draft.problem(layer, (*at, "month"), each.month, rule, mend)


def _ahead(transfer: Transfer) -> int:
    year, month = map(int, transfer.month.split("-"))
    return (year - transfer.on.year) * 12 + month - transfer.on.month


def transfer_parties(draft: Draft) -> Iterator[ConfigProblem]:
    """Both departments of a transfer have a budget, and both owners agreed to it."""
    for use in uses(draft):
        budgets = {each.department for each in use.given.departments}
        owners = {each.id: each.owner for each in use.tenant.departments}
        for i, each in _current(draft, use):
            at: Path_ = ("gateway", "transfers", i)
            named = [((*at, "source"), each.source), ((*at, "target"), each.target)]
            yield from unknown(draft, use.layer, named, "a department with a budget", budgets)
            agreed = {person(address) for address in each.approved_by}
            for department in dict.fromkeys((each.source, each.target)):
                owner = owners.get(department)
                if owner and person(owner) not in agreed:
                    rule = f"must include the owner of `{department}`"
                    value = ", ".join(each.approved_by)
                    mend = f"Ask {owner}, then add the address."
                    yield draft.problem(use.layer, (*at, "approvedBy"), value, rule, mend)


def overdrawn(draft: Draft) -> Iterator[ConfigProblem]:
    """No department gives, in a month, more than it has on that day."""
    for use in uses(draft):
        budgets = {each.department: each.monthly for each in use.given.departments}
        left: dict[tuple[str, str], Decimal] = {}
        for i, each in sorted(_current(draft, use), key=lambda pair: pair[1].on):
            source, target = (each.month, each.source), (each.month, each.target)
            if not {each.source, each.target} <= set(budgets):
                continue
            there = left.get(source, budgets[each.source])
            if each.amount > there:
                rule = f"must be at most {_money(there)}: that is left to `{each.source}` in {each.month}"
                mend = f"Lower it by {_money(each.amount - there)}, or raise the department's budget."
                path: Path_ = ("gateway", "transfers", i, "amount")
                yield draft.problem(use.layer, path, _money(each.amount), rule, mend)
                continue
            left[source] = there - each.amount
            left[target] = left.get(target, budgets[each.target]) + each.amount


def _current(draft: Draft, use: Use) -> list[tuple[int, Transfer]]:
    """Transfers of this month and later: what is over is not judged by today's departments."""
    month = f"{draft.today:%Y-%m}"
    return [(i, each) for i, each in enumerate(use.given.transfers) if each.month >= month]


def _money(amount: Decimal) -> str:
    """An amount as a person writes it: `250`, `0.15`."""
    return f"{amount.normalize():f}"


RULES = (accounting, counters, tenants_fit, holders, parts_fit, transfer_values, transfer_parties, overdrawn)
