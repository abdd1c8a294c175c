"""Tables for people: status and coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli.console import MARKS
from cli.coverage import Row


def print_status(console: Console, report: Mapping[str, Any]) -> None:
    _print_members(console, report)
    _print_machines(console, report)
    cluster = report["cluster"]
    if not cluster["reachable"]:
        console.print(f"{MARKS['fail']} cluster: {escape(cluster['error'])}", highlight=False)
        return
    console.print(
        f"{MARKS['ok']} cluster {cluster['version']} at {cluster['server']}: "
        f"{cluster['nodes_ready']} of {cluster['nodes']} nodes ready, {cluster['accelerators']} accelerators",
        highlight=False,
    )
    for held in cluster["terminating"]:
        console.print(f"{MARKS['warn']} namespace {held['namespace']} is stuck in Terminating")
        for reason in held["held_by"]:
            console.print(f"    {escape(reason)}", highlight=False)
    if absent := cluster["stand_ins"]:
        console.print(
            f"{MARKS['warn']} stand-ins, on whose objects nothing acts: {', '.join(absent)}", highlight=False
        )
    for problem in report["state_problems"]:
        console.print(f"{MARKS['fail']} state: {problem['found']}\n    {problem['mend']}", highlight=False)
    for stack in report["stacks"]:
        _print_stack(console, stack)


def _print_members(console: Console, report: Mapping[str, Any]) -> None:
    for member in report.get("members", []):
        mark = MARKS["ok" if member["state"] == "healthy" else "fail"]
        console.print(f"{mark} {member['name']:<24} {member['state']}", highlight=False)
    for name in report.get("stand_ins", []):
        console.print(f"{MARKS['warn']} {name}: our stand-in is used, the official plug-in is not here")


def _print_machines(console: Console, report: Mapping[str, Any]) -> None:
    found = report.get("machines")
    if not found or not found["count"]:
        return
    last = found["validated"]
    said = (
        f"last validated {last['at']}: {'well' if last['passed'] else 'not well'}"
        if last
        else "never validated"
    )
    well = last and last["passed"] and not found["unvalidated"] and not found["unpinned"]
    console.print(f"{MARKS['ok' if well else 'warn']} {found['count']} machines, {said}", highlight=False)
    for what, names in (
        ("no host key pinned", found["unpinned"]),
        ("not validated then", found["unvalidated"]),
    ):
        if names and last:
            console.print(f"    {what}: {', '.join(names)}", highlight=False)


def _print_stack(console: Console, stack: Mapping[str, Any]) -> None:
    if stack["exit"]:
        console.print(f"{MARKS['fail']} {stack['stack']}", highlight=False)
        for error in stack["errors"]:
            console.print(f"    {escape(error)}", highlight=False)
        return
    mark = MARKS["warn" if stack["drift"] else "ok"]
    size = f"{stack['resources']} resources" if "resources" in stack else "not compared"
    console.print(
        f"{mark} {stack['stack']:<24} {size}{', drifted:' if stack['drift'] else ''}", highlight=False
    )
    for step in stack["drift"]:
        console.print(f"    {step['verb']:<12} {step['name']}", highlight=False)


def print_coverage(console: Console, rows: Iterable[Row]) -> None:
    """A line for each requirement; an open one is printed, not hidden."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.state] += 1
        named = len(row.evidence) + len(row.missing)
        shown = f" [dim]({len(row.evidence)} of {named} passed; {', '.join(row.by)})[/]" if row.by else ""
        console.print(f"{row.id:<4} {row.state:<8} {row.title}{shown}", highlight=False)
        for part in row.partial:
            console.print(f"              [dim]{part}[/]", highlight=False)
    console.print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())), highlight=False)
