"""Sessions: names for kernels that keep their variables; and kernels that wait, so that a cell need not."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from typing import Final

from bastide_sandbox.code.kernel import Kernel, Nursery, Outcome
from bastide_sandbox.errors import SandboxError

LANGUAGES: Final = ("python", "javascript")
SESSIONS: Final = 32
"""How many there may be at once."""


@dataclass
class _Session:
    language: str
    kernel: Kernel | None = None
    lost: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """Runs cells, each in its session's kernel, or in a fresh one that ends with the cell."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._lock = threading.Lock()
        self._spare: dict[str, queue.SimpleQueue[Kernel]] = {name: queue.SimpleQueue() for name in LANGUAGES}
        for name in LANGUAGES:
            self._spare[name].put(nursery.start(name))

    def run(self, language: str, code: str, seconds: float, name: str | None) -> tuple[Outcome, str]:
        """The outcome, and the session's state.

        `new`, `kept` (its variables are there), `restarted` (an earlier cell lost them), `lost` (this cell
        did), or `none` without a session.
        """
        if name is None:
            kernel = self._take(language)
            try:
                return kernel.run(code, seconds), "none"
            finally:
                kernel.end()
        session = self._session(language, name)
        if not session.lock.acquire(blocking=False):
            raise SandboxError(
                409, "session_busy", f"session {name} runs a cell: wait for it, or delete the session"
            )
        try:
            return self._in(session, code, seconds)
        finally:
            session.lock.release()

    def _in(self, session: _Session, code: str, seconds: float) -> tuple[Outcome, str]:
        state = "kept"
        if session.kernel is not None and not session.kernel.alive():
            session.kernel.end()
            session.kernel, session.lost = None, True
        if session.kernel is None:
            state = "restarted" if session.lost else "new"
            session.kernel = self._take(session.language)
        outcome = session.kernel.run(code, seconds)
        if outcome.lost:
            session.kernel, session.lost, state = None, True, "lost"
        return outcome, state

    def _session(self, language: str, name: str) -> _Session:
        with self._lock:
            if (language, name) not in self._sessions and len(self._sessions) >= SESSIONS:
                raise SandboxError(429, "too_many_sessions", f"{SESSIONS} sessions are there: delete one")
            return self._sessions.setdefault((language, name), _Session(language))

    def _take(self, language: str) -> Kernel:
        """A kernel that waits, or a new one; another is made ready meanwhile."""
        try:
            kernel = self._spare[language].get_nowait()
        except queue.Empty:
            return self._nursery.start(language)
        threading.Thread(target=self._refill, args=(language,), daemon=True).start()
        if kernel.alive():
            return kernel
        kernel.end()
        return self._nursery.start(language)

    def _refill(self, language: str) -> None:
        try:
            self._spare[language].put(self._nursery.start(language))
        except SandboxError:
            return  # the next cell that needs one says so

    def delete(self, name: str) -> None:
        """End the session `name` in every language; raises `SandboxError` (404) where there is none."""
        with self._lock:
            ended = [self._sessions.pop(key) for key in [*self._sessions] if key[1] == name]
        if not ended:
            raise SandboxError(404, "no_such_session", f"there is no session {name}")
        for session in ended:
            if session.kernel is not None:
                session.kernel.kill()
            with session.lock:  # until a cell that ran in it was told
                if session.kernel is not None:
                    session.kernel.end()

    def close(self) -> None:
        """End them all."""
        self._nursery.close()
