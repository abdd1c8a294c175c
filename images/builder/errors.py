"""What went wrong with an image, in words that say how to mend it."""

from __future__ import annotations

LAST = 15
ROOM = "make room in the folder of builds (TMPDIR) and build again: nothing half-built is kept"
"""The mend where a disk is full."""


def last_lines(printed: str) -> str:
    """The end of what a program printed, as a problem shows it."""
    return "\n".join(f"    {line}" for line in printed.splitlines()[-LAST:])


class ImageError(Exception):
    """`problem` says which image and step, what was found and which rule holds; `mend` what to do."""

    def __init__(self, problem: str, mend: str) -> None:
        self.problem = problem
        self.mend = mend
        super().__init__(f"{problem}\n  to mend: {mend}")
