"""Records of validations: which check passed, failed or was skipped on which machine, and when."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.provider.evidence import digest, now, operator
from cli.provider.stackfile import replace

FOLDER = "nodes"


def keep(
    folder: Path, environment: str, reports: Sequence[Mapping[str, Any]], faults: Sequence[Mapping[str, Any]]
) -> tuple[Path, dict[str, Any]]:
    """Write the reports of all machines as one record with its own digest; where it is, and what it says.

    `faults` are steps that failed, which may be why a report is missing: with one, nothing is proven.
    """
    at = now()
    hosts: dict[str, list[Mapping[str, Any]]] = {}
    for report in reports:
        hosts.setdefault(report["host"], []).append({k: v for k, v in report.items() if k != "host"})
    record = {
        "environment": environment,
        "at": at,
        "operator": operator(),
        "passed": bool(reports) and not faults and all(report["passed"] for report in reports),
        "faults": [{key: fault[key] for key in ("host", "step", "said")} for fault in faults],
        "checks": dict(tally(reports)),
        "hosts": hosts,
    }
    record["digest"] = digest(record)
    stamp = at.replace(":", "").replace("-", "").replace("+0000", "Z")
    path = folder / FOLDER / f"{stamp}-validate.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(record, indent=1).encode() + b"\n")
    return path, record


def tally(reports: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How many checks passed, failed and were skipped."""
    return Counter(check["status"] for report in reports for check in report["checks"])


def last(folder: Path) -> dict[str, Any] | None:
    """The newest record whose digest fits; None where there is none."""
    for path in sorted((folder / FOLDER).glob("*-validate.json"), reverse=True):
        record: dict[str, Any] = json.loads(path.read_text())
        claimed = record.pop("digest", "")
        if claimed == digest(record):
            return record
    return None
