"""How much of each budget a month's calls used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from cli.usage.accounts import NONE, money
from cli.usage.ledger import Key, Ledger, Totals

PLATFORM: Final = "platform"
_PERCENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One budget in a month. Amounts are in the platform's currency."""

    level: str
    """`platform`, `tenant`, `department` or `user`."""
    holder: str
    monthly: Decimal
    transferred: Decimal
    """What other departments gave for this month, less what it gave them."""
    used: Decimal
    """Exactly, by the price table."""
    counted: Decimal
    """What the gateway counted; by this it warns and cuts off."""
    percent: Decimal
    """`counted` of what there is."""
    state: str
    """`within`, `at <step> %`, or `cut off`."""


@dataclass(slots=True)
class _Used:
    fine: int = 0
    units: int = 0


def budgets(ledger: Ledger, now: list[tuple[Key, Totals]], month: str, tenant: str = "") -> list[Budget]:
    """All budgets, from the platform's down to users', or those of one tenant."""
    used = _used(ledger, now)
    accounting = ledger.book.gateway.accounting
    made = []
    for level, holder, monthly, given in _declared(ledger, month, tenant):
        mine = used.get((level, holder), _Used())
        counted = mine.units * accounting.unit
        percent = _of(counted, monthly + given)
        made.append(
            Budget(
                level=level,
                holder=holder,
                monthly=monthly,
                transferred=given,
                used=money(mine.fine),
                counted=counted,
                percent=percent,
                state=_state(percent, accounting.steps),
            )
        )
    return made


def _declared(ledger: Ledger, month: str, tenant: str) -> Iterator[tuple[str, str, Decimal, Decimal]]:
    """Level, holder, amount and transfers."""
    nothing = Decimal(0)
    if not tenant:
        yield PLATFORM, PLATFORM, ledger.book.gateway.accounting.monthly, nothing
    for name, use in ledger.book.uses.items():
        if tenant in ("", name):
            yield "tenant", name, use.monthly, nothing
            for each in use.departments:
                given = use.transferred(each.department).get(month, nothing)
                yield "department", f"{name}/{each.department}", each.monthly, given
            for user in use.users:
                yield "user", f"{name}/{user.user}", user.monthly, nothing


def _used(ledger: Ledger, now: list[tuple[Key, Totals]]) -> dict[tuple[str, str], _Used]:
    """What the calls cost, by level and holder."""
    used: dict[tuple[str, str], _Used] = {}
    for key, sums in now:
        account = ledger.book.account(key.tenant, key.client)
        cost = ledger.cost(key, sums)
        holders = [(PLATFORM, PLATFORM), ("tenant", account.tenant)]
        for level, name in (("department", account.department), ("user", account.user)):
            holders += [(level, f"{account.tenant}/{name}")] if name != NONE else []
        for holder in holders:
            mine = used.setdefault(holder, _Used())
            mine.fine += cost
            mine.units += sums.units
    return used


def _of(used: Decimal, whole: Decimal) -> Decimal:
    if whole <= 0:
        return Decimal(100)
    return (100 * used / whole).quantize(_PERCENT, ROUND_HALF_EVEN)


def _state(percent: Decimal, steps: tuple[int, ...]) -> str:
    if percent >= 100:
        return "cut off"
    passed = [step for step in steps if percent >= step]
    return f"at {passed[-1]} %" if passed else "within"
