"""The verb `bastide usage`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cli.environment import Target
from cli.outcome import CliError, Exit
from cli.usage.accounts import Book
from cli.usage.ledger import Ledger
from cli.usage.reconcile import Difference, reconcile
from cli.usage.report import GROUPS, TAG, Report, report
from cli.usage.sources import named, running
from components.model.errors import did_you_mean

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A report, and what the metrics say where they were asked."""

    report: Report
    differences: list[Difference] | None

    @property
    def code(self) -> Exit:
        """`FINDING` where something is not counted, or not as the metrics have it."""
        agrees = all(each.agrees for each in self.differences or ())
        return Exit.OK if agrees and self.report.whole else Exit.FINDING


def usage(
    target: Target,
    *,
    month: str = "",
    by: str = "department",
    tenant: str = "",
    places: list[str],
    metrics: list[str],
    tolerance: float,
) -> Usage:
    """Read the records, of the running proxies unless `places` are named, and report on a month."""
    _check(month, by, tolerance)
    gateway = target.model.platform.gateway
    if gateway is None:
        mend = f"add `bastide:gateway` to Pulumi.{target.name}.platform.yaml"
        raise CliError(Exit.CONFIG, f"the platform of {target.name} has no gateway", mend)
    ledger = Ledger(Book(target.model, gateway))
    if places:
        for source in named(places):
            ledger.take(source)
    else:
        _take_running(target, ledger)
    differences = reconcile(ledger, metrics, Decimal(str(tolerance))) if metrics else None
    return Usage(report=report(ledger, by, month, tenant), differences=differences)


def _take_running(target: Target, ledger: Ledger) -> None:
    with target.cluster() as cluster:
        for source in running(cluster):
            ledger.take(source)
    if not ledger.lines:
        message = f"the proxies of {target.name} have printed nothing, not even that they started"
        mend = "simulated machines keep no logs; give the records with --from FILE, DIR or -"
        raise CliError(Exit.UNREACHABLE, message, mend)


def _check(month: str, by: str, tolerance: float) -> None:
    wrong = []
    if month and not _MONTH.fullmatch(month):
        wrong.append(f"--month {month}: must be a calendar month, like 2026-11")
    if by not in GROUPS and not (by.startswith(TAG) and by != TAG):
        wrong.append(f"--by {by}: {did_you_mean(by, (*GROUPS, TAG + 'NAME'))}")
    if not 0 <= tolerance <= 100:
        wrong.append(f"--tolerance {tolerance}: must be a percentage from 0 to 100")
    if wrong:
        raise CliError(Exit.USAGE, "\n  ".join(wrong), "bastide usage --help")
