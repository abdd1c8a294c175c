"""The process that kernels are forked from, with Python's usual modules loaded; it runs no cell itself.

Asked over a socket, one JSON object a line: `{"start": "python"}` with three file descriptors (control,
output, errors) answers `{"process": <id>}`; `{"end": <id>}` ends a kernel with all that it started, and what
kernels left that ended themselves; it answers `{"status": <as waitpid tells it>}`. It ends with its socket.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bastide_sandbox.code import python_kernel

LOADED: Final = (
    *("asyncio", "base64", "collections", "csv", "datetime", "decimal", "fractions", "functools", "hashlib"),
    *("io", "itertools", "math", "pathlib", "random", "re", "shutil", "statistics", "string", "subprocess"),
    *("tempfile", "textwrap", "threading", "time", "typing", "urllib.request", "uuid", "zipfile"),
)
"""What cells import often: shared by all kernels, and ready."""
NODE: Final = "/usr/bin/node"
_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h: what a kernel starts stays below it
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_ROUNDS: Final = 50
_DYING_SECONDS: Final = 1.0


def _become_kernel(language: str, descriptors: list[int], asked: argparse.Namespace) -> None:
    """In the child: never returns."""
    os.setsid()
    _LIBC.prctl(_SUBREAPER, 1, 0, 0, 0)
    _LIBC.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory ends, the cell goes first
    resource.setrlimit(resource.RLIMIT_DATA, (asked.memory, asked.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    control, output, errors = descriptors
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (errors, 2), (control, 3)):
        os.dup2(source, target)
    os.closerange(4, max(*descriptors, null) + 1)
    os.chdir(asked.work)
    if language == "javascript":
        script = Path(__file__).with_name("node_kernel.js")
        heap = f"--max-old-space-size={asked.memory * 3 // 4 // 2**20}"
        os.execv(NODE, [NODE, heap, str(script)])  # noqa: S606 (no shell is wanted)
    os.set_inheritable(3, False)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (for as long as the process)
    sys.stdout = open(1, "w", buffering=8192, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv, sys.path[0] = [""], str(asked.work)
    python_kernel.serve(open(3, "rb"), open(3, "wb", closefd=False))  # noqa: SIM115


class Zygote:
    """Starts and ends kernels."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.kernels: set[int] = set()
        self.ended: dict[int, int] = {}

    def start(self, language: str, descriptors: list[int], own: int) -> dict[str, Any]:
        """Fork a kernel with its three descriptors."""
        sys.stdout.flush()
        if process := os.fork():
            for descriptor in descriptors:
                os.close(descriptor)
            self.kernels.add(process)
            return {"process": process}
        status = 1
        try:
            os.close(own)
            _become_kernel(language, descriptors, self.asked)
            status = 0
        finally:
            os._exit(status)  # nothing of the parent's may run here

    def end(self, process: int) -> dict[str, Any]:
        """Kill the kernel `process` and all that came of it, and reap it; living kernels are not touched.

        What a dead kernel left came to this process, and is killed too.
        """
        living = self.kernels - self.ended.keys()
        killed = _kill_below(os.getpid(), living - {process})
        if process in living:
            _signal({process}, signal.SIGKILL)  # whatever /proc told: it is waited for
            self._reap(process)
        self._see_off(killed)
        while self._reap(-1, os.WNOHANG):
            pass
        self.kernels.discard(process)
        return {"status": self.ended.pop(process, None)}

    def _see_off(self, killed: set[int]) -> None:
        """Reap what was killed; not for ever, since a process may be stuck in the kernel."""
        ends = time.monotonic() + _DYING_SECONDS
        while any(map(_exists, killed)) and time.monotonic() < ends:
            if not self._reap(-1, os.WNOHANG):
                time.sleep(0.001)

    def _reap(self, process: int, options: int = 0) -> int:
        try:
            found, status = os.waitpid(process, options)
        except ChildProcessError:
            return 0
        if found in self.kernels:
            self.ended[found] = status
        return found


def _exists(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def _kill_below(top: int, spared: set[int]) -> set[int]:
    """Stop what is below `top`, without `spared` and theirs, until no new one shows; kill it and tell it."""
    seen: set[int] = set()
    for _ in range(_ROUNDS):
        now = _below(top, spared)
        _signal(now, signal.SIGSTOP)
        if now == seen:
            break
        seen = now
    _signal(seen, signal.SIGKILL)
    return seen


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _below(top: int, spared: set[int]) -> set[int]:
    parents = dict(_parents())
    found: set[int] = set()
    grown = {top}
    while grown:
        grown = {process for process, parent in parents.items() if parent in grown} - found - spared
        found |= grown
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(path.name), int((path / "stat").read_text().rpartition(")")[2].split()[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--memory", type=int, required=True)
    return parser.parse_args()


def main() -> None:
    """Answer until the socket ends."""
    asked = _arguments()
    for name in LOADED:
        with contextlib.suppress(ImportError):
            __import__(name)
    _LIBC.prctl(_SUBREAPER, 1, 0, 0, 0)
    zygote = Zygote(asked)
    with socket.socket(fileno=asked.socket) as server:
        while True:
            text, descriptors, _, _ = socket.recv_fds(server, 4096, 3)
            if not text:
                break
            wanted = json.loads(text)
            if "start" in wanted:
                answer = zygote.start(wanted["start"], descriptors, server.fileno())
            else:
                answer = zygote.end(wanted["end"])
            server.sendall(json.dumps(answer).encode() + b"\n")
    for process in [*zygote.kernels]:
        zygote.end(process)


if __name__ == "__main__":
    main()
