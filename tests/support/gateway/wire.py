"""Speaking HTTP through Unix sockets, and waiting."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_PATIENCE = 60.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self.path))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; headers in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def events(self) -> list[Any]:
        """The data of an event stream, without the closing mark of OpenAI's form."""
        lines = (line.removeprefix("data:").strip() for line in self.text.splitlines() if line[:5] == "data:")
        return [json.loads(line) for line in lines if line != "[DONE]"]


def send(
    path: Path, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request through the socket `path`; `body` goes as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection = _Connection(path)
    try:
        connection.request(method, target, content, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)
    finally:
        connection.close()


def answers(path: Path) -> bool:
    """Whether anything is behind a relay's socket: it hangs up at once where nothing is."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        probe.connect(str(path))
        try:
            return probe.recv(1) != b""
        except TimeoutError:
            return True


def until(ask: Callable[[], T], what: str, seconds: float = 30.0, pause: float = 0.05) -> T:
    """The first true answer of `ask`. Raises `AssertionError` with `what` and the last answer or error."""
    deadline = time.monotonic() + seconds
    while True:
        last: object
        try:
            if found := ask():
                return found
            last = found
        except Exception as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")
        time.sleep(pause)
