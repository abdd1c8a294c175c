"""The processes that the host starts: programs and plug-ins. None outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import Any

_GRACE = 5.0
"""Seconds between the request to stop and the kill."""


class Children:
    """Starts and stops child processes.

    Each child may be handed a lifeline, the reading end of a pipe that this process keeps open for as long as
    it lives: the child takes its end of file, however this process dies, as the order to go.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._reading, self._kept = os.pipe()

    @property
    def lifeline(self) -> int:
        """The descriptor to pass to a child."""
        return self._reading

    def start(self, command: list[Any], **options: Any) -> subprocess.Popen[bytes]:
        """Start a child with no standard input; `options` are those of `subprocess.Popen`."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        with self._lock:
            self._running = {other for other in self._running if other.poll() is None} | {child}
        return child

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Interrupt a child, and kill it when it has not gone after a grace period. Returns at once."""
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            killer = threading.Timer(_GRACE, child.kill)
            killer.daemon = True
            killer.start()

    def stop_all(self) -> None:
        """Interrupt all children."""
        with self._lock:
            running = list(self._running)
        for child in running:
            self.stop(child)

    def kill_all(self) -> None:
        """Kill all children: the last act."""
        with self._lock:
            running = list(self._running)
        for child in running:
            if child.poll() is None:
                child.kill()
                child.wait()
