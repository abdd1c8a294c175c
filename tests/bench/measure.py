"""Take figures in pairs, ours and a peer's in turn, so that a drifting machine touches both alike."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.command import ROOT

RUNS = 5


@dataclass(kw_only=True)
class Figure:
    """Seconds of ours and of a peer (or a floor), and what they are to each other.

    `relation` is `ratio` (ours / peer), `difference` (ours - peer, in seconds) or `share`
    ((ours - peer) / ours) or `seconds` (ours alone); `aim` is its upper bound, None where none was set.
    """

    name: str
    what: str
    peer_is: str
    relation: str = "ratio"
    aim: float | None = None
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def take(self, ours: Callable[[], float], peer: Callable[[], float]) -> Figure:
        """Five pairs, after one of each that does not count."""
        ours(), peer()
        for _ in range(RUNS):
            self.ours.append(ours())
            self.peer.append(peer())
        return self

    @property
    def related(self) -> float:
        a, b = median(self.ours), median(self.peer)
        return {"ratio": a / b, "difference": a - b, "share": (a - b) / a, "seconds": a}[self.relation]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "what": self.what,
            "peer": self.peer_is,
            "ours_seconds": _spread(self.ours),
            "peer_seconds": _spread(self.peer),
            self.relation: round(self.related, 3),
            "aim": self.aim,
            "met": None if self.aim is None else self.related <= self.aim,
        }


def _spread(samples: Sequence[float]) -> dict[str, float]:
    figures = {"median": median(samples), "min": min(samples), "max": max(samples)}
    return {key: round(value, 3) for key, value in figures.items()}


def timed(command: Sequence[str | Path], env: Mapping[str, str], cwd: Path = ROOT) -> float:
    """Wall-clock seconds of a command that must succeed."""
    begun = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return seconds
