"""Keep what passed in `reports/tests.json`: evidence for `bastide coverage`.

Results of a partial run replace only those of the tests that ran. Written by the controlling process only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATH = Path(os.environ.get("BASTIDE_REPORTS") or ROOT / "reports") / "tests.json"
_results: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        _results[report.nodeid] = report.outcome


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    if hasattr(session.config, "workerinput") or not _results:
        return
    old = json.loads(PATH.read_text())["results"] if PATH.exists() else {}
    PATH.parent.mkdir(parents=True, exist_ok=True)
    half = PATH.with_suffix(".new")
    half.write_text(json.dumps({"results": {**old, **_results}}, indent=1, sort_keys=True))
    half.replace(PATH)
