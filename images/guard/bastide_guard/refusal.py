"""Why a call is refused, and how its caller is told: in the form of the API that the caller speaks."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final


class Code(StrEnum):
    """Stable, for programs: callers, the audit and alerts."""

    UNKNOWN_TENANT = "unknown_tenant"
    UNKNOWN_CLIENT = "unknown_client"
    CUT_OFF = "cut_off"
    KEY_EXPIRED = "key_expired"
    GRANT_EXPIRED = "grant_expired"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    MALFORMED = "malformed_request"
    TEXT_REQUIRED = "text_required"
    MODEL_NOT_GRANTED = "model_not_granted"
    NO_MODEL_FITS = "no_model_fits"
    PROMPT_REFUSED = "prompt_refused"
    INPUT_TOO_LARGE = "input_too_large"
    CONTEXT_EXCEEDED = "context_length_exceeded"
    TASK_REQUIRED = "task_required"
    TASK_OVER_TIME = "task_over_time"
    TASK_OVER_TOOL_CALLS = "task_over_tool_calls"
    UNAVAILABLE = "guard_unavailable"


STATUS: Final[dict[Code, int]] = {
    Code.UNKNOWN_TENANT: 403,
    Code.UNKNOWN_CLIENT: 403,
    Code.CUT_OFF: 403,
    Code.KEY_EXPIRED: 403,
    Code.GRANT_EXPIRED: 403,
    Code.UNKNOWN_ENDPOINT: 404,
    Code.MALFORMED: 400,
    Code.TEXT_REQUIRED: 400,
    Code.MODEL_NOT_GRANTED: 403,
    Code.NO_MODEL_FITS: 400,
    Code.PROMPT_REFUSED: 403,
    Code.INPUT_TOO_LARGE: 400,
    Code.CONTEXT_EXCEEDED: 400,
    Code.TASK_REQUIRED: 400,
    Code.TASK_OVER_TIME: 403,
    Code.TASK_OVER_TOOL_CALLS: 403,
    Code.UNAVAILABLE: 503,
}
"""HTTP status by code. 429 is not among them: the gateway answers that itself, with what is used up."""

_OPENAI: Final = {503: "server_error"}
_ANTHROPIC: Final = {
    403: "permission_error",
    404: "not_found_error",
    503: "overloaded_error",
}


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """A call that must not go on. The message never quotes a prompt."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions cross processes by their arguments."""
        return Refusal, (self.code, self.message)

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS[self.code]

    def body(self, *, anthropic: bool) -> bytes:
        """The error as JSON, as OpenAI's or Anthropic's clients expect it; `code` is in both."""
        if anthropic:
            kind = _ANTHROPIC.get(self.status, "invalid_request_error")
            error = {"type": kind, "message": self.message, "code": self.code}
            return json.dumps({"type": "error", "error": error}).encode()
        kind = _OPENAI.get(self.status, "invalid_request_error")
        error_of = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return json.dumps({"error": error_of}).encode()


UNAVAILABLE: Final = Refusal(
    Code.UNAVAILABLE, "The guard cannot check this call now, so it was not passed on."
)
