"""Chromium, driven over the pipe of its DevTools protocol.

Protocol: https://chromedevtools.github.io/devtools-protocol/. Messages are JSON, each ended by a zero byte;
the browser reads them from file descriptor 3 and writes them to 4.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import queue
import signal
import threading
import time
from typing import Any, Final

from bastide_sandbox.errors import SandboxError

_CHUNK: Final = 2**20
_START_SECONDS: Final = 60.0


class Browser:
    """A running browser. `call` is safe from any thread."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.process, self._out, self._in = _spawn(command, environ)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._watching: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
        self.alive = True
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.call("Browser.getVersion", {}, seconds=_START_SECONDS)
        except SandboxError:
            self.close()
            raise

    def call(
        self, method: str, parameters: dict[str, Any], session: str = "", seconds: float = 30.0
    ) -> dict[str, Any]:
        """The result of a method; raises `SandboxError` where it fails, is late or the browser is gone."""
        number = next(self._numbers)
        answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        message = {"id": number, "method": method, "params": parameters}
        with self._lock:
            if not self.alive:  # its descriptors are closed, and may be another's
                raise _gone()
            self._waiting[number] = answers
            self._write({**message, "sessionId": session} if session else message)
        try:
            answer = answers.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            raise SandboxError(504, "timeout", f"the page did not answer within {seconds:.1f} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise SandboxError(400, "page_failed", f"{method}: {answer['error'].get('message')}")
        if "result" not in answer:
            raise _gone()
        return dict(answer["result"])

    def watch(self, session: str) -> queue.SimpleQueue[dict[str, Any]]:
        """The events of a page from now on; an empty one says that the browser is gone."""
        return self._watching.setdefault(session, queue.SimpleQueue())

    def forget(self, session: str) -> None:
        """No more events of it."""
        self._watching.pop(session, None)

    def close(self) -> None:
        """End it; its other processes end with it."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)

    def _write(self, message: dict[str, Any]) -> None:
        content = memoryview(json.dumps(message).encode() + b"\0")
        try:
            while content:
                content = content[os.write(self._out, content) :]
        except OSError:
            raise _gone() from None

    def _read(self) -> None:
        rest = b""
        while piece := os.read(self._in, _CHUNK):
            *messages, rest = (rest + piece).split(b"\0")
            for message in messages:
                self._deliver(json.loads(message))
        with self._lock:
            self.alive = False
            os.close(self._in)
            os.close(self._out)
        for waiting in [*self._waiting.values(), *self._watching.values()]:
            waiting.put({})

    def _deliver(self, message: dict[str, Any]) -> None:
        if "id" in message:
            if waiting := self._waiting.get(message["id"]):
                waiting.put(message)
        elif watching := self._watching.get(message.get("sessionId", "")):
            watching.put(message)


def until(events: queue.SimpleQueue[dict[str, Any]], method: str, ends: float) -> dict[str, Any]:
    """The parameters of the next event `method`; raises `SandboxError` where `ends` (monotonic) passes."""
    while True:
        try:
            event = events.get(timeout=max(ends - time.monotonic(), 0.001))
        except queue.Empty:
            raise SandboxError(504, "timeout", f"the page did not reach {method} in time") from None
        if not event:
            raise _gone()
        if event["method"] == "Inspector.targetCrashed":
            raise SandboxError(502, "page_crashed", "the page's process ended; the next call has a new one")
        if event["method"] == method:
            return dict(event["params"])


def _spawn(command: list[str], environ: dict[str, str]) -> tuple[int, int, int]:
    """Start the browser: its process, where it reads and where it writes."""
    read, out = os.pipe()
    into, write = os.pipe()
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10) for descriptor in (read, write)]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, high[0], 3),
        (os.POSIX_SPAWN_DUP2, high[1], 4),
    ]
    try:
        process = os.posix_spawn(command[0], command, environ, file_actions=actions)
    finally:
        for descriptor in (read, write, *high):
            os.close(descriptor)
    return process, out, into


def _gone() -> SandboxError:
    return SandboxError(502, "browser_ended", "the browser ended; the next call starts another")
