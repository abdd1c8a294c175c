"""`python -m bastide_sandbox code|browser|computer|gym`: serve until SIGTERM."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import threading
from pathlib import Path
from typing import Final

from bastide_sandbox import first

KINDS: Final = ("code", "browser", "computer", "gym")
MIB: Final = 2**20


def arguments(line: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bastide_sandbox", description="The server inside a sandbox.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--listen", default="0.0.0.0:8080", help="address of HTTP")
    parser.add_argument("--work", type=Path, default=Path.home(), help="the working folder")
    parser.add_argument("--memory", type=int, default=1024, help="MiB that a cell's process may use")
    return parser.parse_args(line)


def main() -> None:
    """Serve."""
    asked = arguments()
    if os.getpid() == 1:
        first.serve_below()
    os.umask(0o022)
    os.chdir(asked.work)
    host, _, port = asked.listen.rpartition(":")
    module = importlib.import_module(f"bastide_sandbox.{asked.kind}.serve")
    server, close = module.serve((host, int(port)), asked)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(f"{asked.kind}: http://{host}:{server.server_port}", flush=True)
    stop.wait()
    server.shutdown()
    close()


if __name__ == "__main__":
    main()
