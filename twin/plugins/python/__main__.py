"""Serve the language host: `python -m twin.plugins.python [flags] [engine address]`; prints its port."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc

from twin.plugins.python.children import Children
from twin.plugins.python.host import Host
from twin.plugins.python.stubs import language_pb2_grpc

_LARGEST_MESSAGE = 400 << 20
"""Bytes: the engine's own limit."""


def _watch_engine(gone: threading.Event) -> None:
    """Set `gone` when the engine dies: it holds the other end of our standard input."""
    if not stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        return

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        gone.set()

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Serve until the engine is gone or asks us to stop."""
    addresses = [argument for argument in sys.argv[1:] if ":" in argument and not argument.startswith("-")]
    children, gone = Children(), threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: gone.set())
    server = grpc.server(
        ThreadPoolExecutor(max_workers=32),
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    host = Host(addresses[-1] if addresses else "", version("pulumi"), children)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    _watch_engine(gone)
    gone.wait()
    children.kill_all()
    # Calls in flight belong to an engine that is gone: nothing is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
