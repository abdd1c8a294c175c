"""Drills: probes on the live API that prove what a block promises.

A drill asks the real API something, as a real identity, and says what answer it expects. It passes only
when the expected answer came; a probe that finds nothing to probe fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.cluster import Cluster


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API answered, in words, and whether it is what was expected."""

    text: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One probe: `id` is stable (`drill:<id>` is evidence), `target` names the tenant or pool probed."""

    id: str
    target: str
    covers: tuple[str, ...]
    asked: str
    expected: str
    probe: Callable[[Cluster], Answer]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One drill's result, as it is written to the evidence file (`seconds` is the probe's duration)."""

    id: str
    target: str
    covers: tuple[str, ...]
    asked: str
    expected: str
    answered: str
    passed: bool
    seconds: float
