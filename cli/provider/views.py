"""What a verb did, for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from cli.console import MARKS
from cli.outcome import Exit
from cli.provider.verbs import Result


def show(console: Console, result: Result) -> None:
    """The change, what is now, where the record is, what comes next."""
    if result.diff:
        console.print(escape(result.diff), highlight=False)
    for key in result.details.get("keys", []):
        mark = MARKS["ok" if key["fresh"] else "fail"]
        age = "never made" if key["hours"] is None else f"{key['hours']:.1f} h"
        console.print(f"{mark} {escape(key['key']):<60} {age:>12}", highlight=False)
    if checked := result.details.get("health"):
        slowest = max(answer["milliseconds"] for answer in checked["answers"])
        told = f"{checked['asked']} answered {len(checked['answers'])} times, at most {slowest:.0f} ms"
        console.print(f"{MARKS['ok']} {escape(told)}", highlight=False)
    for check in result.details.get("purge", {}).get("checks", []):
        console.print(f"{MARKS['ok']} {check['what']}: none of {check['objects']}", highlight=False)
    mark = MARKS["ok" if result.code is Exit.OK else "fail"]
    subject = f"{escape(result.provider)}: " if result.provider else ""
    console.print(f"{mark} {subject}{escape(result.done)}", highlight=False)
    for name, text in (("record", result.record), ("next", result.next)):
        if text:
            console.print(f"  [dim]{name}[/]  {escape(text)}", highlight=False)
