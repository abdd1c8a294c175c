"""The client does as it is told where the API server is not ready yet, and only then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.cluster import ApiError, Cluster

Answer = tuple[int, dict[str, str], str]
INITIALIZING: Answer = (429, {"Retry-After": "0"}, "storage is (re)initializing")
EVICTION: Answer = (429, {}, "Cannot evict pod as it would violate the pod's disruption budget.")
OVERLOADED: Answer = (500, {"Retry-After": "7"}, "it may have been done")
READY: Answer = (200, {}, "here")


@contextmanager
def server(*answers: Answer) -> Iterator[tuple[Cluster, list[str]]]:
    """An API server that gives the answers, then the last one for good; and the requests that it got."""
    waiting, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(body.decode())
            code, headers, message = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            content = json.dumps({"message": message}).encode()
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{listening.server_port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
            "current-context": "c",
        }
        try:
            with Cluster(config, attempts=3) as cluster:
                yield cluster, asked
        finally:
            listening.shutdown()


def test_what_the_server_puts_off_is_sent_again_whole() -> None:
    with server(INITIALIZING, INITIALIZING, READY) as (cluster, asked):
        assert cluster.request("POST", "/things", {"a": 1}) == {"message": "here"}
    assert asked == ['{"a": 1}'] * 3


def test_a_server_that_is_never_ready_is_given_up() -> None:
    with server(INITIALIZING) as (cluster, asked), pytest.raises(ApiError, match="initializing"):
        cluster.request("POST", "/things", {})
    assert len(asked) == 3


def test_a_refusal_without_a_time_is_told_at_once() -> None:
    with server(EVICTION, READY) as (cluster, asked), pytest.raises(ApiError, match="disruption budget"):
        cluster.request("POST", "/eviction", {})
    assert len(asked) == 1


def test_what_may_have_been_done_is_told_with_the_pause_that_was_asked_for() -> None:
    with server(OVERLOADED, READY) as (cluster, asked), pytest.raises(ApiError) as told:
        cluster.request("POST", "/things", {})
    assert told.value.status["details"] == {"retryAfterSeconds": 7}
    assert len(asked) == 1
