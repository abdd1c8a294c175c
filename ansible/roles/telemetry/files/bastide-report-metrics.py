#!/usr/bin/python3
"""Write the reports of validation as metrics for the textfile collector of node exporter.

    bastide-report-metrics REPORTS FILE

The file is replaced at once, so that it is never read half written. A report that cannot be read is told so.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

STATUSES = ("passed", "failed", "skipped")
HELP = {
    "bastide_report_readable": "Whether a report of the machine's roles could be read.",
    "bastide_report_time_seconds": "When a report was written, in seconds since 1970.",
    "bastide_report_checks": "Checks of a report, by what came of them.",
    "bastide_report_check_failed": "A check that failed.",
}


def labels(values: Mapping[str, str]) -> str:
    """Labels as the text format has them."""
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, value in values.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


def samples(report: Path) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of one report: name, labels, value."""
    try:
        content = json.loads(report.read_text(encoding="utf-8"))
        own = {"role": str(content["role"]), "phase": str(content["phase"])}
        checks = [(str(each["id"]), str(each["status"])) for each in content["checks"]]
    except (OSError, ValueError, KeyError, TypeError):
        yield "bastide_report_readable", {"report": report.stem}, 0
        return
    yield "bastide_report_readable", {"report": report.stem}, 1
    yield "bastide_report_time_seconds", own, report.stat().st_mtime
    counted = Counter(status for _, status in checks)
    for status in STATUSES:
        yield "bastide_report_checks", {**own, "status": status}, counted[status]
    for name, status in checks:
        if status == "failed":
            yield "bastide_report_check_failed", {**own, "check": name}, 1


def metrics(reports: Path) -> str:
    """All reports of a folder in the text format, grouped by metric."""
    found = [each for path in sorted(reports.glob("*.json")) for each in samples(path)]
    lines = []
    for name, text in HELP.items():
        own = [f"{name}{labels(mapping)} {value}" for each, mapping, value in found if each == name]
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", *own] if own else []
    return "\n".join([*lines, ""])


def main() -> int:
    """The program."""
    reports, file = (Path(each) for each in sys.argv[1:3])
    partial = file.with_suffix(".partial")
    partial.write_text(metrics(reports), encoding="utf-8")
    partial.chmod(0o644)
    partial.replace(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
