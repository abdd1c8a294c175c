"""What went wrong with the twin, in words that say how to mend it."""

from __future__ import annotations


class TwinError(Exception):
    """`problem` says what is wrong and where, `mend` what to do about it."""

    def __init__(self, problem: str, mend: str) -> None:
        self.problem = problem
        self.mend = mend
        super().__init__(f"{problem}\n  to mend: {mend}")
