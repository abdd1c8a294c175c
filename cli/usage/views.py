"""A report as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli.console import MARKS
from cli.usage.budgets import Budget
from cli.usage.reconcile import Difference
from cli.usage.report import Report, Row

_SHOWN = Decimal("0.0001")
_CALLS = (
    "",
    "requests",
    "refused",
    "input",
    "cached",
    "output",
    "cost",
    "a request",
    "a day",
    "a day before",
)
_BUDGETS = ("budget", "monthly", "transferred", "used", "counted", "percent", "state")
_TOKENS = ("tokens", "records", "metrics", "difference", "")


def as_csv(report: Report) -> str:
    """A line for each group, amounts exactly; the last line is the sum."""
    out = io.StringIO()
    names = [each.name for each in fields(Row)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["month", "by", "currency", *names])
    for row in [*report.rows, report.total]:
        values = [_plain(getattr(row, name)) for name in names]
        writer.writerow([report.month, report.by, report.currency, *values])
    return out.getvalue()


def as_json(report: Report, differences: Sequence[Difference] | None) -> dict[str, Any]:
    """All of it; amounts are text, so that no reader rounds them."""
    compared = None if differences is None else [each.as_json() for each in differences]
    made: dict[str, Any] = _texts({**report.as_json(), "reconciliation": compared})
    return made


def _texts(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    return [_texts(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """An amount without an exponent and without zeros at its end."""
    if not isinstance(value, Decimal):
        return "" if value is None else value
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def show(console: Console, report: Report, differences: Sequence[Difference] | None) -> None:
    """For people: amounts to four decimals."""
    console.print(f"[bold]{report.month or 'no month'}[/], in {report.currency}", highlight=False)
    _table(console, _CALLS, _groups(report.by, [*report.rows, report.total]))
    if report.by != "cost-center":
        _table(console, _CALLS, _groups("cost-center", report.cost_centers))
    if report.budgets:
        _table(console, _BUDGETS, map(_budget, report.budgets))
    if differences is not None:
        _table(console, _TOKENS, map(_difference, differences))
    console.print()
    for mark, line in remarks(report, differences):
        console.print(f"{MARKS[mark]} {escape(line)}", highlight=False)


def _groups(by: str, rows: Iterable[Row]) -> Iterable[Sequence[str]]:
    yield (by, *[""] * (len(_CALLS) - 1))
    for row in rows:
        tokens = (row.input_tokens, row.cached_input_tokens, row.output_tokens)
        amounts = (row.cost, row.cost_per_request, row.cost_per_day)
        before = "" if row.baseline_per_day is None else _amount(row.baseline_per_day)
        counts = (row.requests, row.refused, *tokens)
        yield (f"  {row.group}", *(f"{count:,}" for count in counts), *map(_amount, amounts), before)


def _budget(each: Budget) -> Sequence[str]:
    amounts = (each.monthly, each.transferred, each.used, each.counted)
    return (f"  {each.level} {each.holder}", *map(_amount, amounts), f"{each.percent} %", each.state)


def _difference(each: Difference) -> Sequence[str]:
    counts = (each.records, each.metrics, each.records - each.metrics)
    name = f"  {each.model or '(no model)'} {each.kind}"
    return (name, *(f"{count:,}" for count in counts), "agrees" if each.agrees else "differs")


def _table(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns, the first to the left; never cut, so that what is copied is whole."""
    listed = [header, *rows]
    widths = [max(len(row[column]) for row in listed) for column in range(len(header))]
    for number, row in enumerate(listed):
        first, *others = row
        cells = [first.ljust(widths[0]), *(t.rjust(w) for t, w in zip(others, widths[1:], strict=True))]
        line = escape("  ".join(cells).rstrip())
        console.print(line if number else f"\n[dim]{line}[/]", highlight=False)


def _amount(amount: Decimal) -> str:
    return f"{amount.quantize(_SHOWN):,}"


def remarks(report: Report, differences: Sequence[Difference] | None) -> list[tuple[str, str]]:
    """What a reader of the figures must know, the worst first."""
    read, unknown = report.read, report.unknown
    made: list[tuple[str, str]] = []
    if read["broken"]:
        made.append(("fail", f"{read['broken']:,} broken records are not in the sums:"))
        made += [("fail", f"  {line}") for line in read["shown"]]
    for name, tokens in unknown.prices.items():
        made.append(("fail", f"no price for {name}: {tokens:,} tokens cost nothing here"))
    for name, count in unknown.tenants.items():
        made.append(("warn", f"no tenant has the host {name or '(none)'}: {count:,} requests"))
    for name, tokens in unknown.clients.items():
        made.append(("warn", f"no such client is declared: {name}: {tokens:,} tokens"))
    for name, count in unknown.models.items():
        made.append(("warn", f"no model is called {name}: asked for by {count:,} kinds of refused calls"))
    if report.unmetered:
        made.append(("warn", f"{report.unmetered:,} answered calls without a count of tokens"))
    if report.differing:
        line = "calls were counted by the gateway at another cost than today's prices give"
        made.append(("warn", f"{report.differing:,} {line}"))
    if differences is not None and all(each.agrees for each in differences):
        made.append(("ok", "records and metrics agree"))
    for reason, count in report.refusals.items():
        made.append(("ok", f"{count:,} refused: {reason or '(no reason)'}"))
    counted = f"{read['records']:,} records in {read['lines']:,} lines of {len(read['sources'])} logs"
    made.append(("ok", f"{counted}; {read['foreign']:,} lines are no records"))
    return made
