"""What a long step tells whoever watches: what, how far, about how long. Rendering is the watcher's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Events of steps. A step is known by a short stable name, such as `build kube-apiserver`.

    `done` and `total` of `tick` count units of work; `total` 0 means that it is not known yet.
    Called from several threads.
    """

    def start(self, step: str, label: str) -> None:
        """`step` begins; `label` says in plain words what it does."""

    def tick(self, step: str, done: int, total: int, note: str = "") -> None:
        """`step` is at `done` of `total`; `note` is the unit at work."""

    def done(self, step: str, label: str = "") -> None:
        """`step` ended well."""

    def fail(self, step: str, reason: str) -> None:
        """`step` failed; the caller gets an exception besides."""


class Silent:
    """Tells nobody."""

    def start(self, step: str, label: str) -> None:
        pass

    def tick(self, step: str, done: int, total: int, note: str = "") -> None:
        pass

    def done(self, step: str, label: str = "") -> None:
        pass

    def fail(self, step: str, reason: str) -> None:
        pass


class Lines:
    """Plain lines, for logs and pipes: one at a step's start and end, one every `every` seconds between."""

    def __init__(self, out: TextIO | None = None, every: float = 15.0) -> None:
        self._out = out or sys.stderr
        self._every = every
        self._began: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def start(self, step: str, label: str) -> None:
        self._began[step] = self._told[step] = time.monotonic()
        self._say(f"{label} ...")

    def tick(self, step: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self._told.get(step, now) < self._every:
            return
        self._told[step] = now
        self._say(f"  {step}: {describe(done, total, now - self._began[step])}{f', {note}' if note else ''}")

    def done(self, step: str, label: str = "") -> None:
        took = time.monotonic() - self._began.get(step, time.monotonic())
        self._say(f"{label or step}: done in {took:.1f} s")

    def fail(self, step: str, reason: str) -> None:
        self._say(f"{step}: failed: {reason}")

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class Teller:
    """Gives each event as a line of text to a function, for watchers that show one line at a time."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._began: dict[str, float] = {}

    def start(self, step: str, label: str) -> None:
        self._began[step] = time.monotonic()
        self._tell(label)

    def tick(self, step: str, done: int, total: int, note: str = "") -> None:
        elapsed = time.monotonic() - self._began.get(step, time.monotonic())
        self._tell(f"{step}: {describe(done, total, elapsed)}")

    def done(self, step: str, label: str = "") -> None:
        self._tell(f"{label or step}: done")

    def fail(self, step: str, reason: str) -> None:
        self._tell(f"{step}: failed: {reason}")


def describe(done: int, total: int, elapsed: float) -> str:
    """How far and about how long: `120 of 400, 30 s so far, about 70 s to go`."""
    far = f"{done} of {total}" if total else f"{done}"
    text = f"{far}, {elapsed:.0f} s so far"
    if 0 < done < total:
        text += f", about {elapsed * (total - done) / done:.0f} s to go"
    return text
