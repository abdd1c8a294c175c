"""What people ask of the records: cost by whatever they like, budgets, cost centers, what is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from cli.usage.accounts import NONE, UNKNOWN, Account, Book, money
from cli.usage.budgets import Budget, budgets
from cli.usage.ledger import Key, Ledger, Totals

TAG: Final = "tag:"
GROUPS: Final = ("tenant", "department", "user", "key", "model", "provider", "cost-center")
"""What cost can be shown by, beside `tag:<name>`."""
_RATE: Final = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One group of calls in the month. Amounts are exact, in the platform's currency; means to 6 decimals."""

    group: str
    requests: int
    refused: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost: Decimal
    counted: Decimal
    """What the gateway counted: each call rounded up to a unit. Budgets are cut off by it."""
    cost_per_request: Decimal
    cost_per_day: Decimal
    """The month's mean over its days with records."""
    baseline_per_day: Decimal | None
    """The mean over the days with records before the month; None where there are none."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """What the configuration does not know; it is in the sums all the same, except for the missing prices."""

    tenants: dict[str, int]
    """Requests by host."""
    clients: dict[str, int]
    """Tokens by tenant and client."""
    models: dict[str, int]
    """Refused kinds of calls by the model asked for."""
    prices: dict[str, int]
    """Tokens by provider and model: they cost something that nobody can tell."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A month of records."""

    month: str
    currency: str
    by: str
    rows: list[Row]
    total: Row
    cost_centers: list[Row]
    budgets: list[Budget]
    refusals: dict[str, int]
    unknown: Unknown
    unmetered: int
    differing: int
    months: list[str]
    read: dict[str, Any]

    @property
    def whole(self) -> bool:
        """Whether every call that cost something is in the sums with its price and its tenant."""
        charged = not any(tokens for tokens in self.unknown.prices.values())
        return (
            charged
            and not self.read["broken"]
            and UNKNOWN
            not in {row.group for row in self.cost_centers if row.input_tokens + row.output_tokens}
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "whole": self.whole}


def report(ledger: Ledger, by: str, month: str = "", tenant: str = "") -> Report:
    """The report of a month (the last of the records, unless given), of one tenant if it is named."""
    month = month or (ledger.months[-1] if ledger.months else "")
    chosen = [(key, sums) for key, sums in ledger.sums.items() if not tenant or key.tenant == tenant]
    now = [(key, sums) for key, sums in chosen if key.month == month]
    table = _Table(ledger, chosen, month)
    return Report(
        month=month,
        currency=ledger.book.gateway.accounting.currency,
        by=by,
        rows=table.rows(_group(ledger.book, by)),
        total=table.total(),
        cost_centers=table.rows(_group(ledger.book, "cost-center")),
        budgets=budgets(ledger, now, month, tenant),
        refusals=dict(ledger.refusals.most_common()),
        unknown=_unknown(ledger, now, tenant),
        unmetered=sum(sums.unmetered for _, sums in now),
        differing=sum(sums.differing for _, sums in now),
        months=ledger.months,
        read={
            "sources": ledger.read,
            "lines": ledger.lines,
            "records": ledger.records,
            "foreign": ledger.foreign,
            "broken": ledger.broken,
            "shown": ledger.shown,
        },
    )


def _group(book: Book, by: str) -> Callable[[Key], str]:
    """What a group is called that calls of a key belong to."""
    if by.startswith(TAG):
        tag = by.removeprefix(TAG)
        return lambda key: book.account(key.tenant, key.client).tags.get(tag, NONE)
    direct: dict[str, Callable[[Key], str]] = {
        "tenant": lambda key: key.tenant,
        "model": lambda key: key.model or NONE,
        "provider": lambda key: key.provider or NONE,
    }
    return direct.get(by) or (lambda key: _of_account(book.account(key.tenant, key.client), by))


def _of_account(account: Account, by: str) -> str:
    if by == "cost-center":
        return account.cost_center
    value: str = getattr(account, by)
    return value if value == NONE else f"{account.tenant}/{value}"


class _Table:
    """Sums of the month and of what was before, by group."""

    def __init__(self, ledger: Ledger, chosen: list[tuple[Key, Totals]], month: str) -> None:
        self.ledger, self.chosen, self.month = ledger, chosen, month
        self.days = len(ledger.days.get(month, ()))
        self.before = sum(len(days) for each, days in ledger.days.items() if each < month)

    def rows(self, group: Callable[[Key], str]) -> list[Row]:
        """A row for each group of the month, the dearest first."""
        now: dict[str, tuple[Totals, list[int]]] = {}
        before: dict[str, int] = {}
        for key, sums in self.chosen:
            name = group(key)
            if key.month == self.month:
                held = now.setdefault(name, (Totals(), [0]))
                held[0].add(sums)
                held[1][0] += self.ledger.cost(key, sums)
            elif key.month < self.month:
                before[name] = before.get(name, 0) + self.ledger.cost(key, sums)
        made = [self._row(name, *held, before.get(name, 0)) for name, held in now.items()]
        return sorted(made, key=lambda row: (-row.cost, row.group))

    def total(self) -> Row:
        """One row of all."""
        found = self.rows(lambda _: "total")
        return found[0] if found else self._row("total", Totals(), [0], 0)

    def _row(self, group: str, sums: Totals, fine: list[int], before: int) -> Row:
        whole = money(fine[0])
        return Row(
            group=group,
            requests=sums.requests,
            refused=sums.refused,
            input_tokens=sums.fresh + sums.cached,
            cached_input_tokens=sums.cached,
            output_tokens=sums.output,
            cost=whole,
            counted=sums.units * self.ledger.book.gateway.accounting.unit,
            cost_per_request=mean(whole, sums.requests),
            cost_per_day=mean(whole, self.days),
            baseline_per_day=mean(money(before), self.before) if self.before else None,
        )


def mean(amount: Decimal, count: int) -> Decimal:
    """An amount shared by so many, to 6 decimals."""
    shared = amount / count if count else Decimal(0)
    return shared.quantize(_RATE, ROUND_HALF_EVEN)


def _unknown(ledger: Ledger, now: list[tuple[Key, Totals]], tenant: str) -> Unknown:
    return Unknown(
        tenants={} if tenant else dict(ledger.hosts.most_common()),
        clients=_added(_strangers(ledger.book, now)),
        models={} if tenant else dict(ledger.asked.most_common()),
        prices=_added(_unpriced(ledger.book, now)),
    )


def _strangers(book: Book, now: list[tuple[Key, Totals]]) -> Iterator[tuple[str, int]]:
    for key, sums in now:
        if key.client and key.tenant != UNKNOWN and not book.declared(key.tenant, key.client):
            yield f"{key.tenant}: {key.client}", sums.tokens


def _unpriced(book: Book, now: list[tuple[Key, Totals]]) -> Iterator[tuple[str, int]]:
    for key, sums in now:
        if (key.provider or sums.tokens) and (key.provider, key.served) not in book.rates:
            yield f"{key.provider or NONE}: {key.served or NONE}", sums.tokens


def _added(pairs: Iterator[tuple[str, int]]) -> dict[str, int]:
    made: dict[str, int] = {}
    for name, count in pairs:
        made[name] = made.get(name, 0) + count
    return dict(sorted(made.items(), key=lambda pair: (-pair[1], pair[0])))
