"""What the engine expects of a plug-in: a port on standard output, and an end when it is done."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc

_LARGEST_MESSAGE = 400 << 20
"""Bytes: the engine's own limit."""
_OPTIONS = [
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    ("grpc.so_reuseport", 0),
]


def engine_address() -> str:
    """The engine's address, the last argument that looks like one; empty where none is given."""
    given = [argument for argument in sys.argv[1:] if ":" in argument and not argument.startswith("-")]
    return given[-1] if given else ""


def serve(add: Callable[[grpc.Server], object], threads: int, last: Callable[[], None]) -> NoReturn:
    """Serve what `add` adds until the engine is gone or interrupts us; then call `last` and end.

    The engine runs a plug-in in a process group of its own, which Ctrl-C does not reach, and interrupts
    that group when it is done; it would wait five seconds for an answer.
    """
    gone = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: gone.set())
    server = grpc.server(ThreadPoolExecutor(max_workers=threads), options=_OPTIONS)
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_watch_engine, args=(gone,), daemon=True).start()
    gone.wait()
    last()
    # Calls in flight belong to an engine that is gone: nothing is worth waiting for.
    os._exit(0)


def _watch_engine(gone: threading.Event) -> None:
    """Set `gone` when the engine dies: it holds the other end of our standard input, or is our parent."""
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    else:
        parent = os.getppid()
        while os.getppid() == parent and not gone.wait(1.0):
            pass
    gone.set()
