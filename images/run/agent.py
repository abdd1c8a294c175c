"""The host's side of the agent's protocol: one JSON line each way (images/guest/README.md)."""

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
        self._lines = connection.makefile("rb")
        self._last = secrets.randbits(32)  # an answer to whoever spoke before is not taken for ours

    @classmethod
    def over_vsock_socket(cls, path: Path) -> Agent:
        """Over the socket by which Firecracker and Cloud Hypervisor serve vsock; raises `ImageError`."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        connection.sendall(f"CONNECT {PORT}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                raise ImageError(f"guest at {path}: its agent does not listen on vsock port {PORT}", _MEND)
            answer += byte
        return cls(connection)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def hello(self, seconds: float) -> Hello:
        """The greeting of a guest that starts; raises `ImageError` where none comes within `seconds`."""
        answer = self.ask("hello", patience=seconds)
        return Hello(**{name: answer[name] for name in Hello.__dataclass_fields__})

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
            exit=answer["exit"],
            stdout=base64.b64decode(answer["stdout"]),
            stderr=base64.b64decode(answer["stderr"]),
            truncated=answer.get("truncated", False),
            timed_out=answer.get("timed_out", False),
        )

    def put(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file below the guest's work folder."""
        self.ask("put", {"path": path, "data": _text(data), "mode": mode})

    def get(self, path: str) -> bytes:
        """Read a file below the guest's work folder."""
        return base64.b64decode(self.ask("get", {"path": path}).get("data", ""))

    def put_right(self) -> float:
        """Set the clock and mix in fresh randomness, as a resumed guest needs; its clock then, in seconds."""
        self.ask("entropy", {"data": _text(os.urandom(64))})
        return float(self.ask("time", {"unix": time.time()})["unix"])

    def ask(
        self, operation: str, fields: Mapping[str, Any] | None = None, *, patience: float = 30
    ) -> dict[str, Any]:
        """One request and its answer, waited for `patience` seconds.

        Raises `ImageError` with the agent's reason, or where none answers.
        """
        self._last += 1
        line = json.dumps({"id": self._last, "op": operation, **(fields or {})}) + "\n"
        try:
            self._socket.settimeout(patience)
            self._socket.sendall(line.encode())
            answer = self._answer()
        except (OSError, ValueError) as error:
            raise ImageError(f"guest: no answer to {operation}: {error}", _MEND) from error
        if not answer["ok"]:
            raise ImageError(
                f"guest: {operation} refused: {answer['error']}", "ask for what the agent allows"
            )
        return answer

    def _answer(self) -> dict[str, Any]:
        """The answer to the last request; greetings, and answers to whoever spoke before, are passed over."""
        while line := self._lines.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._last:
                return answer
        raise OSError("the guest is gone")


_MEND: Final = "see the guest's console (file `console` of its folder)"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
