"""What a caller is told when a call cannot be done."""

from __future__ import annotations


class SandboxError(Exception):
    """A call that is refused or failed: HTTP status, a code that stays the same, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
