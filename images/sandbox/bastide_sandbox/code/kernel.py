"""The server's end of a kernel: a cell goes in, its outcome comes out, in bounded time and space."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bastide_sandbox.errors import SandboxError

OUTPUT_BYTES: Final = 2**20
"""What is told of each of a cell's two outputs; the rest is read and dropped."""
_ANSWER_BYTES: Final = 4 * 2**20
_CHUNK: Final = 65536
_PACKAGES: Final = Path(__file__).parents[2]
_LISTENING_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a cell did. `error` has `code` (`raised`, `timeout`, `kernel_died`), `name` and `message`."""

    stdout: str
    stderr: str
    result: str | None
    error: dict[str, Any] | None
    truncated: Sequence[str]
    milliseconds: float

    @property
    def lost(self) -> bool:
        """Whether the kernel is gone, and its variables with it."""
        return self.error is not None and self.error["code"] != "raised"


class Nursery:
    """Starts and ends kernels by the zygote, which it starts anew where it is gone."""

    def __init__(self, work: Path, memory: int) -> None:
        self.work, self.memory = work, memory
        self._lock = threading.Lock()
        self._process, self._socket = self._raise()

    def _raise(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with theirs:
            line = ["-m", "bastide_sandbox.code.zygote", "--socket", str(theirs.fileno())]
            process = subprocess.Popen(
                [sys.executable, *line, "--work", str(self.work), "--memory", str(self.memory)],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
                stdin=subprocess.DEVNULL,
            )
        ours.settimeout(_LISTENING_SECONDS)
        return process, ours

    def _ask(self, question: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        with self._lock:
            for _ in range(2):
                try:
                    socket.send_fds(self._socket, [json.dumps(question).encode()], list(descriptors))
                    answer = self._socket.recv(4096)
                except OSError:
                    answer = b""
                if answer:
                    return dict(json.loads(answer))
                self._again()
        raise SandboxError(
            503, "no_kernel", "no kernel can be started here; look at the sandbox's memory and processes"
        )

    def _again(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._process, self._socket = self._raise()

    def start(self, language: str) -> Kernel:
        """A new kernel; raises `SandboxError` (503) where none can be had."""
        control, theirs = socket.socketpair()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        ends = [theirs.fileno(), out_end, err_end]
        try:
            process = self._ask({"start": language}, ends)["process"]
        except SandboxError:
            control.close()
            _close(out, err)
            raise
        finally:
            theirs.close()
            _close(out_end, err_end)
        return Kernel(self, language, process, control, (out, err))

    def end(self, process: int) -> int | None:
        """End a kernel and all that it started; its status as `waitpid` tells it."""
        status = self._ask({"end": process})["status"]
        return None if status is None else int(status)

    def close(self) -> None:
        """End the zygote, and with it every kernel."""
        with self._lock:
            self._socket.close()
            self._process.wait()


class Kernel:
    """One process that runs cells."""

    def __init__(
        self, nursery: Nursery, language: str, process: int, control: socket.socket, outputs: tuple[int, int]
    ) -> None:
        self.language, self.process = language, process
        self._nursery, self._control, self._outputs = nursery, control, outputs
        for descriptor in outputs:
            os.set_blocking(descriptor, False)
        self._lock = threading.Lock()
        self._killed = self._closed = False
        self._cell = 0
        self._status: int | None = None

    def alive(self) -> bool:
        """Whether it can still run a cell; what it said unasked is dropped."""
        self._control.setblocking(False)
        try:
            while piece := self._control.recv(_CHUNK):
                del piece
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def run(self, code: str, seconds: float) -> Outcome:
        """Run a cell for at most `seconds`; a kernel that does not answer in time, or at all, is ended."""
        begun = time.monotonic()
        ends = begun + seconds
        held = [_Held(), _Held()]
        answer = None
        self._cell += 1
        try:
            self._control.settimeout(seconds)
            self._control.sendall(json.dumps({"code": code, "cell": self._cell}).encode() + b"\n")
            answer = self._wait(held, ends)
        except OSError:
            pass
        milliseconds = round((time.monotonic() - begun) * 1000, 3)
        self._drain(held)
        told = self._lost(time.monotonic() >= ends, seconds) if answer is None else answer
        return Outcome(
            stdout=held[0].text(),
            stderr=held[1].text(),
            result=told["result"],
            error=told["error"],
            truncated=[name for name, each in zip(("stdout", "stderr"), held, strict=True) if each.cut],
            milliseconds=milliseconds,
        )

    def _wait(self, held: Sequence[_Held], ends: float) -> dict[str, Any] | None:
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ, None)
            for descriptor, one in zip(self._outputs, held, strict=True):
                selector.register(descriptor, selectors.EVENT_READ, one)
            while (left := ends - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    if key.data is not None:
                        if not key.data.take(key.fd):
                            selector.unregister(key.fd)
                        continue
                    piece = self._control.recv(_CHUNK)
                    answer += piece
                    if not piece or len(answer) > _ANSWER_BYTES:
                        return None
                    if piece.endswith(b"\n"):
                        said = map(_parsed, bytes(answer).splitlines())
                        if mine := [each for each in said if each.get("cell") == self._cell]:
                            return _outcome(mine[0])
        return None

    def _drain(self, held: Sequence[_Held]) -> None:
        for descriptor, one in zip(self._outputs, held, strict=True):
            for _ in range(64):  # more than a pipe holds: a program left behind may print for ever
                if not one.take(descriptor):
                    break

    def _lost(self, late: bool, seconds: float) -> dict[str, Any]:
        status = self.end()
        if late:
            error = {"code": "timeout", "name": "TimeoutError"}
            message = f"the cell took more than {seconds:g} s; its process was ended, its variables are gone"
        else:
            error = {"code": "kernel_died", "name": "KernelDied"}
            message = f"the cell's process ended ({_status(status)}); its variables are gone"
        return {"result": None, "error": {**error, "message": message}}

    def kill(self) -> int | None:
        """End the process with all that it started; who waits for a cell's outcome is told. Its status."""
        with self._lock:
            if not self._killed:
                self._killed = True
                self._status = self._nursery.end(self.process)
            return self._status

    def end(self) -> int | None:
        """`kill`, where nobody waits for an outcome: let go of it."""
        status = self.kill()
        if not self._closed:
            self._closed = True
            self._control.close()
            _close(*self._outputs)
        return status


class _Held:
    """What was read of one output."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.cut = False

    def take(self, descriptor: int) -> bool:
        """Read once; whether there was anything."""
        try:
            piece = os.read(descriptor, _CHUNK)
        except OSError:
            return False
        room = OUTPUT_BYTES - len(self.content)
        self.content += piece[:room]
        self.cut = self.cut or len(piece) > room
        return bool(piece)

    def text(self) -> str:
        return self.content.decode(errors="replace")


def _parsed(line: bytes) -> dict[str, Any]:
    """A line of a kernel, empty where it is no answer: a cell can write there, too."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _outcome(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The answer, None where it is not as a kernel gives it."""
    error = answer.get("error") if isinstance(answer.get("result"), str | None) else ""
    fits = error is None or (isinstance(error, dict) and error.get("code") == "raised")
    return answer if fits else None


def _status(status: int | None) -> str:
    if status is None:
        return "nobody knows how"
    code = os.waitstatus_to_exitcode(status)
    return f"exit {code}" if code >= 0 else f"signal {-code}"


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
