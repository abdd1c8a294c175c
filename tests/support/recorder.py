"""A progress watcher that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Recorder:
    """Remembers what it was told; consecutive events of one name count once in `names`."""

    names: list[str] = field(default_factory=list)
    steps: set[str] = field(default_factory=set)
    ticks: list[tuple[int, int]] = field(default_factory=list)

    def start(self, step: str, label: str) -> None:
        self._note("start", step)

    def tick(self, step: str, done: int, total: int, note: str = "") -> None:
        self.ticks.append((done, total))
        self._note("tick", step)

    def done(self, step: str, label: str = "") -> None:
        self._note("done", step)

    def fail(self, step: str, reason: str) -> None:
        self._note("fail", step)

    def _note(self, name: str, step: str) -> None:
        self.steps.add(step)
        if not self.names or self.names[-1] != name:
            self.names.append(name)
