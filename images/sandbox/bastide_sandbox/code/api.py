"""The code sandbox: `POST /v1/cells`, `DELETE /v1/sessions/<name>`, and the working folder."""

from __future__ import annotations

import re
from typing import Final

from bastide_sandbox.code.sessions import LANGUAGES, Sessions
from bastide_sandbox.errors import SandboxError
from bastide_sandbox.fields import Fields
from bastide_sandbox.web import Answer, Call, Route, told

SECONDS: Final = 3600.0
"""Longest time that a cell may ask for."""
DEFAULT_SECONDS: Final = 30.0
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class CodeApi:
    """What is answered over HTTP."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(method="POST", pattern="/v1/cells", run=self.cell),
            Route(method="DELETE", pattern="/v1/sessions/([^/]+)", run=self.delete),
        ]

    def cell(self, call: Call) -> Answer:
        """Run a cell; one that fails is answered with 200 and `error`."""
        fields = Fields(call.body)
        language = fields.choice("language", LANGUAGES)
        code = fields.text("code")
        seconds = fields.number("timeout", 0.05, SECONDS, DEFAULT_SECONDS)
        name = fields.any("session", None)
        fields.end()
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise SandboxError(400, "bad_field", f"session is not of the form {_NAME.pattern}")
        outcome, state = self.sessions.run(language, code, seconds, name)
        return told(
            {
                "stdout": outcome.stdout,
                "stderr": outcome.stderr,
                "truncated": outcome.truncated,
                "result": outcome.result,
                "error": outcome.error,
                "milliseconds": outcome.milliseconds,
                "session": {"name": name, "state": state},
            }
        )

    def delete(self, call: Call) -> Answer:
        """End a session."""
        self.sessions.delete(call.words[0])
        return told({"session": call.words[0]})

    def healthy(self) -> str:
        """Nothing, where a cell can be run."""
        try:
            outcome, _ = self.sessions.run("python", "1", 10, None)
        except SandboxError as error:
            return error.code
        return "" if outcome.result == "1" else "a cell has no result"
