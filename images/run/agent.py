"""The host's side of the agent's protocol: one JSON line each way (images/guest/README.md).

What a guest answers is not trusted: its lines are bounded, so is the time for an answer, and what is not of
the form that an agent gives raises `ImageError`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from images.builder.errors import ImageError

PORT: Final = 1024
"""The agent's vsock port."""
LINE_BYTES: Final = 2 * 2**20
"""Longest line of a guest: both outputs of a command in base 64 take less than half of it."""
_CHUNK: Final = 65536
_SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Hello:
    """What a guest tells of itself; `boot_ms` is its own clock's time from its start to the agent's."""

    version: str
    kernel: str
    boot_ms: int
    boot_id: str
    image: str
    root: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command did: `exit` is its code, or 128 and the signal that ended it."""

    exit: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False
    timed_out: bool = False


class Agent:
    """The agent of one guest, over a connection to its serial port or vsock port. Not for several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = bytearray()
        self._last = secrets.randbits(32)  # an answer to whoever spoke before is not taken for ours

    @classmethod
    def over_vsock_socket(cls, path: Path) -> Agent:
        """Over the socket by which Firecracker and Cloud Hypervisor serve vsock; raises `ImageError`."""
        made = cls(socket.socket(socket.AF_UNIX))
        try:
            made._socket.connect(str(path))
            made._send(f"CONNECT {PORT}\n", _SECONDS)
            made._line(time.monotonic() + _SECONDS)
        except (OSError, ValueError) as error:
            made.close()
            raise ImageError(f"guest at {path}: no agent on vsock port {PORT}: {error}", _MEND) from error
        return made

    def close(self) -> None:
        self._socket.close()

    def hello(self, seconds: float) -> Hello:
        """The greeting of a guest that starts; raises `ImageError` where none comes within `seconds`."""
        answer = self.ask("hello", patience=seconds)
        kinds = {name: int if name == "boot_ms" else str for name in Hello.__dataclass_fields__}
        return Hello(**{name: _field(answer, name, kind) for name, kind in kinds.items()})

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        seconds: float = 30,
    ) -> Done:
        """Run a command as the guest's unprivileged user; it is ended after `seconds`."""
        asked = {
            "argv": list(argv),
            "stdin": _text(stdin),
            "env": dict(environment or {}),
            "seconds": seconds,
        }
        answer = self.ask("run", asked, patience=seconds + 30)
        return Done(
            exit=_field(answer, "exit", int),
            stdout=_data(answer, "stdout"),
            stderr=_data(answer, "stderr"),
            truncated=_field(answer, "truncated", bool, default=False),
            timed_out=_field(answer, "timed_out", bool, default=False),
        )

    def put(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file below the guest's work folder."""
        self.ask("put", {"path": path, "data": _text(data), "mode": mode})

    def get(self, path: str) -> bytes:
        """Read a file below the guest's work folder."""
        return _data(self.ask("get", {"path": path}), "data", default="")

    def put_right(self) -> float:
        """Set the clock and mix in fresh randomness, as a resumed guest needs; its clock then, in seconds."""
        self.ask("entropy", {"data": _text(os.urandom(64))})
        return float(_field(self.ask("time", {"unix": time.time()}), "unix", float, int))

    def ask(
        self, operation: str, fields: Mapping[str, Any] | None = None, *, patience: float = _SECONDS
    ) -> dict[str, Any]:
        """One request and its answer, waited for `patience` seconds.

        Raises `ImageError` with the agent's reason, or where none answers.
        """
        self._last += 1
        line = json.dumps({"id": self._last, "op": operation, **(fields or {})}) + "\n"
        try:
            self._send(line, patience)
            answer = self._answer(time.monotonic() + patience)
        except (OSError, ValueError, RecursionError) as error:
            raise ImageError(f"guest: no answer to {operation}: {error}", _MEND) from error
        if not _field(answer, "ok", bool):
            reason = _field(answer, "error", str)
            raise ImageError(f"guest: {operation} refused: {reason}", "ask for what the agent allows")
        return answer

    def _send(self, line: str, patience: float) -> None:
        self._socket.settimeout(patience)
        self._socket.sendall(line.encode())

    def _answer(self, ends: float) -> dict[str, Any]:
        """The answer to the last request; greetings, and answers to whoever spoke before, are passed over."""
        while True:
            answer = json.loads(self._line(ends))
            if not isinstance(answer, dict):
                raise ValueError("it said what is no JSON object")
            if answer.get("id") == self._last:
                return answer

    def _line(self, ends: float) -> bytes:
        """The next line, by `ends` (monotonic); raises `OSError` and `ValueError` where there is none."""
        looked = 0
        while (end := self._rest.find(b"\n", looked)) < 0:
            looked = len(self._rest)
            if looked > LINE_BYTES:
                raise ValueError(f"it said a line of over {LINE_BYTES} bytes")
            left = ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._socket.settimeout(left)
            piece = self._socket.recv(_CHUNK)
            if not piece:
                raise OSError("the guest is gone")
            self._rest += piece
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return line


_MEND: Final = "see the guest's console (file `console` of its folder)"
_NONE: Final = object()


def _field(answer: Mapping[str, Any], name: str, *kinds: type, default: Any = _NONE) -> Any:
    """A field of an answer; raises `ImageError` where it is of none of these types."""
    found = answer.get(name, default)
    if type(found) not in kinds:
        raise ImageError(f"guest: its answer has no {name} that is {kinds[0].__name__}", _MEND)
    return found


def _data(answer: Mapping[str, Any], name: str, **default: str) -> bytes:
    """A field that holds bytes."""
    try:
        return base64.b64decode(_field(answer, name, str, **default), validate=True)
    except ValueError as error:
        raise ImageError(f"guest: {name} of its answer is no base 64: {error}", _MEND) from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
