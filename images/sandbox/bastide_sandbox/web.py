"""HTTP for the servers: a table of routes, JSON or bytes as answers, refusals with stable codes.

A page in a browser is no caller: in the browser sandbox, it could else drive the server that drives it.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bastide_sandbox.errors import SandboxError

BODY_BYTES: Final = 16 * 2**20
"""Largest body that is taken."""
IDLE_SECONDS: Final = 600
"""How long a connection may stand still."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request: `words` are the groups of its route's pattern."""

    words: Sequence[str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back."""

    body: bytes = b""
    type: str = "application/json"
    status: int = 200


def told(value: Any, status: int = 200) -> Answer:
    """`value` as JSON."""
    return Answer(body=json.dumps(value).encode() + b"\n", status=status)


@dataclass(frozen=True, kw_only=True)
class Route:
    """`run` answers `method` on every path that `pattern` matches as a whole."""

    method: str
    pattern: str
    run: Callable[[Call], Answer] = field(repr=False)


class Server(ThreadingHTTPServer):
    """Answers the `routes`, and `GET /healthz` by `healthy`: no text is well, a text says what is not."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], routes: Sequence[Route], healthy: Callable[[], str]) -> None:
        self.routes = (Route(method="GET", pattern="/healthz", run=lambda _: _health(healthy())), *routes)
        super().__init__(address, _Handler)

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, name="web", daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _health(wrong: str) -> Answer:
    return told({"status": wrong or "ok"}, 503 if wrong else 200)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "bastide-sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what a caller sends is not for the log."""

    def _serve(self) -> None:
        try:
            answer = self._answer()
        except SandboxError as error:
            answer = told({"error": {"code": error.code, "message": error.message}}, error.status)
        except Exception:
            traceback.print_exc()
            answer = told({"error": {"code": "internal", "message": "the server's log has the cause"}}, 500)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 (the base class names them)

    def _answer(self) -> Answer:
        body = self._body()
        path = unquote(urlsplit(self.path).path)
        if path != "/healthz" and any(_of_page(name) for name in self.headers):
            raise SandboxError(
                403, "from_a_page", "Origin or Sec-Fetch-* is set: no page in a browser may call"
            )
        method = "GET" if self.command == "HEAD" else self.command
        found = [(route, re.fullmatch(route.pattern, path)) for route in self.server.routes]
        there = [(route, match) for route, match in found if match]
        if not there:
            raise SandboxError(404, "no_such_path", f"there is no {path}")
        for route, match in there:
            if route.method == method:
                return route.run(Call(words=match.groups(), body=body))
        raise SandboxError(405, "bad_method", f"{path} takes {', '.join(route.method for route, _ in there)}")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"[0-9]{1,12}", length):
            self.close_connection = True
            raise SandboxError(411, "no_length", "the body needs a Content-Length")
        if int(length) > BODY_BYTES:
            self.close_connection = True
            raise SandboxError(413, "too_large", f"a body has at most {BODY_BYTES} bytes")
        body = b""
        with contextlib.suppress(OSError):
            body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            raise SandboxError(400, "short_body", f"the body ended before its {length} bytes")
        return body


def _of_page(header: str) -> bool:
    """Whether browsers set it and let no page leave it out: `Origin` goes with all that changes anything."""
    return header.lower() == "origin" or header.lower().startswith("sec-fetch-")
