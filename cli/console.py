"""What people see: lines of progress and the closing summary, on a terminal or in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape

from cli.doctor import Finding
from cli.engine import Outcome
from components.drill import Record

MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}
QUIET_SECONDS = 10.0  # in a log, a step says that it is still at work this often


class Steps:
    """Progress of a verb: each step is a line with its duration; the step at work shows what it does.

    On a terminal the line is redrawn in place; in a log a step prints when it begins to take long, and
    when it ends.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lock = threading.Lock()
        self._said = 0.0

    @contextmanager
    def step(self, label: str) -> Iterator[Step]:
        """One step; leaving it by an exception marks it failed."""
        step = Step(self, label)
        spinner = self.console.status(label) if self.console.is_terminal else None
        if spinner:
            spinner.start()
        step.spinner = spinner
        mark = MARKS["fail"]
        try:
            yield step
            mark = MARKS[step.state]
        finally:
            if spinner:
                spinner.stop()
            note = f"  [dim]{step.note}[/]" if step.note else ""
            self.console.print(f"{mark} {label}{note}  [dim]{step.elapsed:.1f} s[/]", highlight=False)

    def tell(self, step: Step, text: str) -> None:
        with self._lock:
            if step.spinner:
                step.spinner.update(f"{step.label}  [dim]{text}  {step.elapsed:.0f} s[/]")
            elif time.monotonic() - max(self._said, step.begun) > QUIET_SECONDS:
                self._said = time.monotonic()
                self.console.print(f"  {step.label}: {text}  {step.elapsed:.0f} s", highlight=False)


class Step:
    """A step at work: `tell` what it is at, leave a closing `note`, set `state` to `warn` or `fail`."""

    def __init__(self, steps: Steps, label: str) -> None:
        self.label = label
        self.note = ""
        self.state = "ok"
        self.begun = time.monotonic()
        self.spinner: Any = None
        self._steps = steps

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begun

    def tell(self, text: str) -> None:
        self._steps.tell(self, text)


def outcome_note(outcome: Outcome) -> str:
    """`12 created, 3 updated` or `unchanged`, of so many resources."""
    words = {"create": "to create", "update": "to update", "delete": "to delete", "replace": "to replace"}
    if outcome.operation in ("up", "destroy"):
        words = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    parts = [f"{count} {words[verb]}" for verb, count in outcome.changes.items() if verb in words and count]
    return f"{', '.join(parts) or 'unchanged'}, {outcome.resources} resources"


def print_problems(console: Console, outcome: Outcome) -> None:
    for line in outcome.violations:
        console.print(f"  [red]policy[/] {escape(line)}", highlight=False, soft_wrap=True)
    for line in outcome.errors:
        console.print(f"  [red]error[/] {escape(line)}", highlight=False, soft_wrap=True)


def print_plan(console: Console, outcome: Outcome) -> None:
    """The steps of a preview in plain words."""
    for step in outcome.steps:
        kind = step["type"].rsplit(":", 1)[-1]
        console.print(f"  {step['verb']:<16} {kind:<28} {step['name']}", highlight=False)


def print_drill(console: Console, record: Record) -> None:
    mark = MARKS["ok" if record.passed else "fail"]
    console.print(f"  {mark} {record.id} [dim]{record.target}[/]  {record.asked}", highlight=False)
    if not record.passed:
        said = f"      expected: {record.expected}\n      answered: {record.answered}"
        console.print(escape(said), highlight=False, soft_wrap=True)


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    for finding in findings:
        mend = f"  [dim]{finding.mend}[/]" if finding.mend and finding.state != "ok" else ""
        line = f"{MARKS[finding.state]} {finding.what:<28} {finding.found}{mend}"
        console.print(line, highlight=False, soft_wrap=True)


def print_summary(console: Console, title: str, rows: Mapping[str, object]) -> None:
    """A title and aligned rows; long values are not broken, so that commands can be copied."""
    console.print(f"\n[bold]{title}[/]", highlight=False)
    width = max(map(len, rows))
    for key, value in rows.items():
        console.print(f"  [dim]{key:<{width}}[/]  {escape(str(value))}", highlight=False, soft_wrap=True)
