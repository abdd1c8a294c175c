"""Tells what runs where, and the reports of the roles, as lines of JSON: for `bastide nodes`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: progress
type: notification
short_description: Tell progress and reports as lines of JSON
description:
  - Writes one line for each task that begins on a host, for each report of C(bastide.nodes.validate), and the
    counts of each host at the end.
options:
  path:
    description: File or pipe to write to. Without it nothing is told.
    type: path
    env: [{name: BASTIDE_PROGRESS}]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes lines; a reader that has gone away does not disturb the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bastide.nodes.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._out: Any = None

    def v2_playbook_on_start(self, playbook: Any) -> None:
        path = self.get_option("path")
        if path:
            self._out = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 (open as long as the run)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        role = task._role.get_name() if task._role else ""
        self._tell(host=host.get_name(), role=role, task=task.name or task.action)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._report(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._report(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        for host in sorted(stats.processed):
            self._tell(host=host, counts=stats.summarize(host))

    def _report(self, result: Any) -> None:
        report = result.result.get("report")
        if isinstance(report, dict) and "checks" in report:
            self._tell(host=result.host.get_name(), report=report)

    def _tell(self, **told: Any) -> None:
        if self._out is None:
            return
        try:
            self._out.write(json.dumps(told) + "\n")
            self._out.flush()
        except OSError:
            self._out = None
