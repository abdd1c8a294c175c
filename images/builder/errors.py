"""What went wrong with an image, in words that say how to mend it."""

from __future__ import annotations

LAST = 15
ROOM = "make room in the folder of builds or name another (TMPDIR), build again: nothing half-built is kept"
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


def failed(step: str, how: str, printed: str, mend: str = "") -> ImageError:
    """The error of a step, with the last lines of what it printed; `mend` is for all but a full disk."""
    if "no space left" in printed.lower():
        mend = ROOM
    told = f"{step}: {how}:\n{last_lines(printed)}"
    return ImageError(told, mend or "see the lines above; mend what they name and build again")
