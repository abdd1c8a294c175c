"""What went wrong with an image, in words that say how to mend it."""

from __future__ import annotations


class ImageError(Exception):
    """`problem` says which image and step, what was found and which rule holds; `mend` what to do."""

    def __init__(self, problem: str, mend: str) -> None:
        self.problem = problem
        self.mend = mend
        super().__init__(f"{problem}\n  to mend: {mend}")
