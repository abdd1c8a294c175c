"""Records added up: whole numbers only, in one pass, in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cli.usage.accounts import UNKNOWN, Book, Rate
from cli.usage.records import BrokenRecordError, Record, parse
from cli.usage.sources import Source

NAMES_MAX: Final = 1000
"""Distinct names that callers can make up (hosts, models) which are kept; the rest goes under `OTHERS`."""
OTHERS: Final = "(others)"
SHOWN_MAX: Final = 20
"""Broken records that are shown by file and line; all are counted."""


class Key(NamedTuple):
    """What calls have in common that are added up together."""

    month: str
    tenant: str
    client: str
    model: str
    provider: str
    served: str


@dataclass(slots=True)
class Totals:
    """Sums over calls: tokens, and cost in units as the gateway counted it."""

    requests: int = 0
    refused: int = 0
    unmetered: int = 0
    """Calls that were answered and whose tokens nobody learnt."""
    fresh: int = 0
    cached: int = 0
    output: int = 0
    units: int = 0
    differing: int = 0
    """Calls whose cost the gateway counted otherwise than today's prices say."""

    def add(self, other: Totals) -> None:
        self.requests += other.requests
        self.refused += other.refused
        self.unmetered += other.unmetered
        self.fresh += other.fresh
        self.cached += other.cached
        self.output += other.output
        self.units += other.units
        self.differing += other.differing

    @property
    def tokens(self) -> int:
        return self.fresh + self.cached + self.output


@dataclass
class Ledger:
    """All that was read: sums, days, reasons of refusals, and the lines that are no records."""

    book: Book
    sums: dict[Key, Totals] = field(default_factory=dict)
    days: dict[str, set[str]] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    """Hosts of no tenant."""
    asked: Counter[str] = field(default_factory=Counter)
    """Models that callers asked for and that there are not."""
    read: list[str] = field(default_factory=list)
    lines: int = 0
    records: int = 0
    foreign: int = 0
    broken: int = 0
    shown: list[str] = field(default_factory=list)

    def take(self, source: Source) -> None:
        """Add up all records of a log."""
        with source.open() as lines:
            self.take_lines(source.name, lines)
        self.read.append(source.name)

    def take_lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Add up the records of some lines; `name` is where they are from."""
        for number, line in enumerate(lines, start=1):
            self.lines += 1
            try:
                record = parse(line)
            except BrokenRecordError as error:
                self.broken += 1
                if len(self.shown) < SHOWN_MAX:
                    self.shown.append(f"{name}:{number}: {error}")
                continue
            if record is None:
                self.foreign += 1
            else:
                self.add(record)

    def add(self, record: Record) -> None:
        """Add up one record."""
        self.records += 1
        sums = self._sums(record)
        sums.requests += 1
        fresh = record.input - record.cached
        sums.fresh += fresh
        sums.cached += record.cached
        sums.output += record.output
        sums.units += record.cost
        if record.status >= 400:
            sums.refused += 1
            self.refusals[_bounded(record.reason, self.refusals)] += 1
        elif record.provider and not record.counted:
            sums.unmetered += 1
        rate = self.book.rates.get((record.provider, record.served))
        if record.counted and rate and self._units(record, rate) != record.cost:
            sums.differing += 1

    def cost(self, key: Key, sums: Totals) -> int:
        """What the calls cost, in fine parts of the currency; 0 where there is no price."""
        rate = self.book.rates.get((key.provider, key.served))
        return rate.cost(sums.fresh, sums.cached, sums.output) if rate else 0

    def _units(self, record: Record, rate: Rate) -> int:
        fresh = record.input - record.cached
        return -(-rate.cost(fresh, record.cached, record.output) // self.book.unit)

    def _sums(self, record: Record) -> Totals:
        month = record.time[:7]
        tenant = self.book.tenant(record.host, record.route)
        if tenant == UNKNOWN:
            self.hosts[_bounded(record.host, self.hosts)] += 1
        key = Key(month, tenant, record.client, record.model, record.provider, record.served)
        if (sums := self.sums.get(key)) is None:
            sums = self.sums.setdefault(self._told(key), Totals())
        self.days.setdefault(month, set()).add(record.time[:10])
        return sums

    def _told(self, key: Key) -> Key:
        """The key without what a caller who was refused can make up."""
        if key.provider:
            return key
        if key.model and key.model not in self.book.models:
            self.asked[_bounded(key.model, self.asked)] += 1
            key = key._replace(model=UNKNOWN)
        declared = not key.client or self.book.declared(key.tenant, key.client)
        return key if declared else key._replace(client=UNKNOWN)

    @property
    def months(self) -> list[str]:
        """The months of the records, in order."""
        return sorted(self.days)


def _bounded(name: str, held: Counter[str]) -> str:
    return name if name in held or len(held) < NAMES_MAX else OTHERS
