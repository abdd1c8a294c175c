"""Tasks: a caller names one by a UUID of version 7, whose first 48 bits say when it began (RFC 9562)."""

from __future__ import annotations

import re
from typing import Final

from bastide_guard.policy import Grant
from bastide_guard.refusal import Code, Refusal

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)

SKEW: Final = 10.0
"""Seconds by which a caller's clock may be ahead of ours."""


def begun(task: str) -> float:
    """When a task began, in seconds since 1970. Raises `Refusal` if it is not a UUIDv7."""
    if not _UUID7.fullmatch(task):
        raise Refusal(Code.TASK_REQUIRED, "x-bastide-task must be one UUID of version 7 (RFC 9562).")
    return int(task.replace("-", "")[:12], 16) / 1000


def check_task(grant: Grant, task: str, now: float) -> None:
    """Hold a call to its grant's rules on tasks; `task` is empty where none is named. Raises `Refusal`."""
    if not task:
        if grant.task_required:
            raise Refusal(Code.TASK_REQUIRED, "This grant asks for a task: send x-bastide-task, a UUIDv7.")
        return
    age = now - begun(task)
    if age < -SKEW:
        raise Refusal(Code.TASK_REQUIRED, "x-bastide-task begins in the future.")
    minutes = grant.caps.minutes if grant.caps else None
    if minutes is not None and age > minutes * 60:
        raise Refusal(Code.TASK_OVER_TIME, f"The task is older than the {minutes} minutes that it may take.")


def check_tool_calls(grant: Grant, calls: int) -> None:
    """Hold a conversation to the number of tool calls that its grant allows. Raises `Refusal`."""
    most = grant.caps.tool_calls if grant.caps else None
    if most is not None and calls > most:
        raise Refusal(Code.TASK_OVER_TOOL_CALLS, f"The conversation has more than {most} tool calls.")
