"""The programs of the desk: the X server, its window manager, and what is started on it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from Xlib.error import DisplayConnectionError

from bastide_sandbox.computer.display import Screen
from bastide_sandbox.errors import SandboxError

DISPLAY: Final = ":1"
SOCKETS: Final = Path("/tmp/.X11-unix")  # noqa: S108 (where X looks for it)
TERMINAL: Final = ("xterm", "-geometry", "100x30+40+40", "-fa", "DejaVu Sans Mono", "-fs", "11")
_START_SECONDS: Final = 60.0
_PROGRAMS: Final = 64


class Desk:
    """The programs; they end with the sandbox."""

    def __init__(self, work: Path, size: tuple[int, int]) -> None:
        self.work = work
        self._environ = {**os.environ, "DISPLAY": DISPLAY, "SHELL": "/bin/bash"}
        SOCKETS.mkdir(mode=0o1777, exist_ok=True)
        screen = ("-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp", "-noreset", "-dpi", "96")
        self.server = self._start(["Xvfb", DISPLAY, *screen])
        self.screen = self._connect()
        self.manager = self._start(["evilwm", "-fn", "fixed", "-term", "xterm"])
        self.programs = [self._start(TERMINAL)]

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=self.work, env=self._environ, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _connect(self) -> Screen:
        ends = time.monotonic() + _START_SECONDS
        while self.server.poll() is None:
            try:
                return Screen(DISPLAY)
            except (DisplayConnectionError, OSError):
                if time.monotonic() > ends:
                    break
                time.sleep(0.02)
        raise SandboxError(503, "no_display", "the display did not start")

    def start(self, command: Sequence[str]) -> int:
        """Start a program on the display; its process. Raises `SandboxError` where there is none such."""
        self.programs = [each for each in self.programs if each.poll() is None]
        if len(self.programs) >= _PROGRAMS:
            raise SandboxError(429, "too_many_programs", f"{_PROGRAMS} programs run: end one")
        try:
            self.programs.append(self._start(command))
        except (OSError, ValueError) as error:
            raise SandboxError(400, "not_started", f"{command[0]:.100}: {error}") from None
        return self.programs[-1].pid

    def wrong(self) -> str:
        """What does not run, empty where all does."""
        if self.server.poll() is not None:
            return "the display ended"
        return "the window manager ended" if self.manager.poll() is not None else ""

    def close(self) -> None:
        """End all programs."""
        for each in (*self.programs, self.manager, self.server):
            each.kill()
            each.wait()
