"""Tells, at the end of a run, each fault with host, step, cause and mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.bastide.nodes.plugins.plugin_utils import causes

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: faults
type: notification
short_description: Tell each fault with host, step, cause and mend
description:
  - At the end of a run prints one line for each failed step of a host that did not end well, and for each
    host that was lost, and names the hosts that were not begun.
  - Known causes are recognised by the table C(plugin_utils/causes.yaml). Steps under C(no_log) tell nothing.
options:
  report:
    description: Path of a file to which the faults are written as JSON.
    type: path
    env: [{name: BASTIDE_FAULTS_REPORT}]
    ini: [{section: bastide_faults, key: report}]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects failed results; prints them when the playbook has ended."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bastide.nodes.faults"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = causes.load()
        self._secrets = causes.secrets()
        self._play = ""
        self._rolling = False
        self._faults: list[dict[str, Any]] = []
        self._wanted: dict[str, None] = {}
        self._begun: set[str] = set()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play.get_name()
        self._rolling = bool(play.serial)
        self._wanted.update(dict.fromkeys(play.hosts if self._rolling else []))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self._rolling:
            self._begun.add(host.get_name())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._remember(result, unreachable=False)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._remember(result, unreachable=True)

    def _remember(self, result: Any, unreachable: bool) -> None:
        text = causes.said(result.result)
        checks = causes.failed_checks(result.result)
        cause = causes.recognise(text, self._table, unreachable, checks)
        known = " ".join(dict.fromkeys(mend.strip() for mend in checks.values() if mend))
        fault = {
            "host": result.host.get_name(),
            "play": self._play,
            "step": result.task.get_name(),
            "unreachable": unreachable,
            "cause": cause.id,
            "meaning": cause.cause,
            "said": causes.mask(text, self._secrets),
            "mend": causes.mask(known or cause.mend, self._secrets),
        }
        if fault not in self._faults:
            self._faults.append(fault)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """A failure that a role itself mended (rescue) on a host that then ended well is no fault."""
        faults = [
            fault
            for fault in self._faults
            if fault["cause"] != causes.TOLD
            and (stats.failures.get(fault["host"]) or stats.dark.get(fault["host"]))
        ]
        rest = [host for host in self._wanted if host not in self._begun]
        self._write(faults, rest)
        if not faults:
            return
        self._display.banner("FAULTS")
        for fault in faults:
            meaning = f"{fault['meaning']}: " if fault["meaning"] else ""
            line = f"{fault['host']} | {fault['step']} | {meaning}{fault['said']} | mend: {fault['mend']}"
            self._display.display(line, color="red")
        if rest:
            shown = ", ".join(rest[:10]) + (f" and {len(rest) - 10} more" if len(rest) > 10 else "")
            self._display.display(f"Not begun: {shown}. Run again after the mend: it goes on here.")

    def _write(self, faults: list[dict[str, Any]], rest: list[str]) -> None:
        path = self.get_option("report")
        if path:
            content = json.dumps({"faults": faults, "notBegun": rest}, indent=1)
            Path(path).write_text(content + "\n", encoding="utf-8")
