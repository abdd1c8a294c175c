"""A caller of a sandbox's server."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Client:
    """Asks the server at `port` of the loopback."""

    port: int

    def raw(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body, both ways as JSON."""
        status, content = self.raw(method, path, None if body is None else json.dumps(body).encode())
        return status, json.loads(content)

    def cell(self, code: str, language: str = "python", **fields: Any) -> dict[str, Any]:
        """The outcome of a cell."""
        status, told = self.ask("POST", "/v1/cells", {"language": language, "code": code, **fields})
        assert status == 200, told
        return dict(told)
