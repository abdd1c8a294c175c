"""Serve the provider: `python -m twin.plugins.kubernetes [flags] [engine address]`; prints its port."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc

from twin.plugins.kubernetes.engine import Engine
from twin.plugins.kubernetes.provider import Provider
from twin.plugins.kubernetes.stubs import provider_pb2_grpc

_LARGEST_MESSAGE = 400 << 20
"""Bytes: the engine's own limit."""
_THREADS = 128
"""As many resources may be waited for at once; threads are made as they are needed."""


def _watch_parent(gone: threading.Event) -> None:
    """Set `gone` when the engine dies."""
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    else:
        parent = os.getppid()
        while os.getppid() == parent and not gone.wait(1.0):
            pass
    gone.set()


def main() -> None:
    """Serve until the engine is gone or asks us to stop."""
    gone = threading.Event()
    # The engine runs us in a process group of our own, which Ctrl-C does not reach, and interrupts that
    # group when it is done with us; it would wait five seconds for an answer.
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: gone.set())
    addresses = [argument for argument in sys.argv[1:] if ":" in argument and not argument.startswith("-")]
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_THREADS),
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    provider = Provider(version("pulumi-kubernetes"), Engine(addresses[-1] if addresses else ""))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_watch_parent, args=(gone,), daemon=True).start()
    gone.wait()
    # Calls in flight belong to an engine that is gone: nothing is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
