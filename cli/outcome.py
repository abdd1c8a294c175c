"""Exit codes, and the one error type that carries them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `bastide`; docs/reference/cli.md explains them."""

    OK = 0
    FAILED = 1  # something unforeseen
    USAGE = 2  # wrong arguments
    CONFIG = 3  # the configuration is refused
    POLICY = 4  # a policy refused the plan
    UPDATE = 5  # the engine's operation failed
    DRILL = 6  # a drill did not get the answer it expects
    UNREACHABLE = 7  # the environment is not running or does not answer
    LOCKED = 8  # another operation holds the stack
    DRIFT = 9  # the live environment differs from its declaration
    FINDING = 10  # a check found what must be mended
    HOSTS = 11  # a real machine failed or was not reached
    IMAGE = 12  # an image cannot be built, or is not what it should be
    INTERRUPTED = 130  # Ctrl-C


class CliError(Exception):
    """A refusal: what is wrong (`message`), and what to do about it (`mend`)."""

    def __init__(self, code: Exit, message: str, mend: str = "") -> None:
        self.code = code
        self.message = message
        self.mend = mend
        super().__init__(message)
