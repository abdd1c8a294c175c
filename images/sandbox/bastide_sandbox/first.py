"""Process 1 of a container: what loses its parent becomes its child, and a zombie until it is reaped."""

from __future__ import annotations

import os
import signal


def serve_below() -> None:
    """Return in a child, to serve; this process hands signals on, reaps, and ends as the child does."""
    child = os.fork()
    if child == 0:
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    ended, status = 0, 0
    while ended != child:
        ended, status = os.waitpid(-1, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)
