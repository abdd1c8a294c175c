"""What is told of an operation that failed: its errors, and the warnings that may say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from pulumi import automation
from pulumi.automation.errors import CommandError
from pulumi.automation.events import DiagnosticEvent, EngineEvent

from cli import engine
from cli.environment import Target
from cli.outcome import Exit

URN = "urn:pulumi:twin.platform::bastide::bastide:upstream:Upstream::upstream"


class Failing:
    """A stack whose preview warns, tells of an error and fails."""

    def preview(self, on_event: Callable[[EngineEvent], None], **_: Any) -> None:
        for severity, message in (("warning", "a hint"), ("info", "a fact"), ("error", "a conflict")):
            told = DiagnosticEvent(message=message, color="never", severity=severity, urn=URN)
            on_event(EngineEvent(sequence=0, timestamp=0, diagnostic_event=told))
        raise CommandError(automation.CommandResult(stdout="", stderr="failed", code=255))


def test_a_failure_tells_its_errors_first_and_its_warnings_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_select", lambda *_: Failing())
    outcome = engine.run_one(cast("Target", None), "twin.platform", "up", lambda *_: None)
    assert outcome.errors == ["upstream: a conflict", "upstream: a hint"]
    assert outcome.code is Exit.UPDATE
