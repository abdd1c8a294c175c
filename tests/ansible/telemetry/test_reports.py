"""Reports of validation become metrics that a real parser reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import COLLECTION, load

_PROGRAM = "roles/telemetry/files/bastide-report-metrics.py"
PROGRAM = COLLECTION / _PROGRAM
reports = load(_PROGRAM)


def write(folder: Path, role: str, phase: str = "validation", **statuses: str) -> None:
    checks = [{"id": each.replace("_", "-"), "status": status} for each, status in statuses.items()]
    report = {"role": role, "phase": phase, "passed": "failed" not in statuses.values(), "checks": checks}
    path = folder / f"{role}.{phase}.json"
    path.write_text(json.dumps(report))
    os.utime(path, (1_790_000_000, 1_790_000_000))


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples by name and labels, as Prometheus' own library reads them."""
    parser: Any = pytest.importorskip("prometheus_client.parser", reason="needs the dependency group guard")
    families = parser.text_string_to_metric_families(text)
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for own in families
        for each in own.samples
    }


def test_checks_are_counted_and_failures_named(tmp_path: Path) -> None:
    write(tmp_path, "accelerator", kernel="passed", devices="failed", driver="skipped", fabric="skipped")
    write(tmp_path, "rdma", links="passed")
    found = parsed(reports.metrics(tmp_path))
    own = (("phase", "validation"), ("role", "accelerator"))
    assert found["bastide_report_checks", (*own, ("status", "failed"))] == 1
    assert found["bastide_report_checks", (*own, ("status", "skipped"))] == 2
    assert found["bastide_report_check_failed", (("check", "devices"), *own)] == 1
    assert found["bastide_report_time_seconds", own] == 1_790_000_000
    failed = [labels for name, labels in found if name == "bastide_report_check_failed"]
    assert len(failed) == 1


def test_a_broken_report_is_told_and_hides_no_other(tmp_path: Path) -> None:
    write(tmp_path, "base", ssh="passed")
    (tmp_path / "storage.validation.json").write_text('{"role": "sto')
    text = reports.metrics(tmp_path)
    assert 'bastide_report_readable{report="storage.validation"} 0' in text
    assert 'bastide_report_readable{report="base.validation"} 1' in text


def test_labels_are_escaped(tmp_path: Path) -> None:
    write(tmp_path, "base")
    path = tmp_path / "base.validation.json"
    path.write_text(json.dumps({"role": 'a"b\\c\n', "phase": "validation", "checks": []}))
    found = parsed(reports.metrics(tmp_path))
    assert ("bastide_report_time_seconds", (("phase", "validation"), ("role", 'a"b\\c\n'))) in found


def test_the_file_is_replaced_and_readable(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    write(tmp_path / "reports", "base", ssh="passed")
    file = tmp_path / "bastide.prom"
    for _ in range(2):
        subprocess.run([sys.executable, PROGRAM, tmp_path / "reports", file], check=True)
    assert file.stat().st_mode & 0o777 == 0o644
    assert "bastide_report_checks" in file.read_text()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bastide.prom", "reports"]


def test_no_report_is_an_empty_file(tmp_path: Path) -> None:
    assert reports.metrics(tmp_path / "none") == ""
