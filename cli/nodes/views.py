"""What people see of machines: the list, a run's note, its faults, the record of a validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.console import MARKS
from cli.nodes.ansible import Ran

_OWN = ("pool_", "zone_", "rack_", "site_")


def note(ran: Ran, *, check: bool) -> str:
    """`4 hosts, 12 changed`: how many hosts took part and how many tasks changed something."""
    changed = "to change" if check else "changed"
    failed = {fault["host"] for fault in ran.faults}
    words = [f"{len(ran.counts)} hosts", f"{ran.changed} {changed}"]
    return ", ".join(words + ([f"{len(failed)} failed"] if failed else []))


def print_faults(console: Console, ran: Ran) -> None:
    """Each fault with host, step, what was said and the mend; then the hosts that were not begun."""
    for fault in ran.faults:
        meaning = f"{fault['meaning']}: " if fault["meaning"] else ""
        text = f"{fault['host']}  {fault['step']}: {meaning}{fault['said']}"
        text += "" if fault["mend"] in fault["said"] else f"\n      mend: {fault['mend']}"
        console.print(f"  [red]error[/] {escape(text)}", highlight=False, soft_wrap=True)
    if ran.not_begun:
        text = f"not begun: {', '.join(ran.not_begun)}. Run again after the mend: it goes on there."
        console.print(f"  {escape(text)}", highlight=False, soft_wrap=True)
    if ran.status:
        console.print(f"  [dim]the whole log: {escape(str(ran.log))}[/]", highlight=False, soft_wrap=True)


def print_record(console: Console, record: Mapping[str, Any], path: Path) -> None:
    """Each machine's checks in one line; every failed and every skipped check, so that no gap is silent."""
    for host, reports in record["hosts"].items():
        checks = [(report["role"], check) for report in reports for check in report["checks"]]
        told = _by_status(checks)
        mark = MARKS["fail" if "failed" in told else "ok"]
        line = f"{len(told.get('passed', []))} of {len(checks)} checks passed"
        skipped = f", not looked for: {', '.join(told['skipped'])}" if "skipped" in told else ""
        console.print(f"  {mark} {host}  {line}[dim]{escape(skipped)}[/]", highlight=False, soft_wrap=True)
    console.print(f"  [dim]record: {escape(str(path))}[/]", highlight=False, soft_wrap=True)


def _by_status(checks: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for role, check in checks:
        found.setdefault(check["status"], []).append(f"{role}.{check['id']}")
    return found


def print_fleet(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """The machines in the order of change."""
    table = Table("machine", "reached at", "key", "place", "roles and capabilities", box=None, pad_edge=False)
    for row in rows:
        place = [group for group in row["groups"] if group.startswith(_OWN)]
        rest = [group for group in row["groups"] if not group.startswith(_OWN)]
        key = "pinned" if row["pinned"] else "[red]not pinned[/]"
        reached = f"{row['user']}@{row['address']}:{row['port']}"
        table.add_row(row["name"], reached, key, " ".join(place), " ".join(rest))
    console.print(table if rows else "no real machines")
