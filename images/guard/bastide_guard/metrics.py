"""What is counted, and the HTTP server that says so: `/metrics` for Prometheus, `/healthz` for probes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

REGISTRY: Final = CollectorRegistry()
CALLS: Final = Counter("bastide_guard_calls", "Calls by verdict.", ["tenant", "verdict"], registry=REGISTRY)
MASKED: Final = Counter(
    "bastide_guard_masked_values", "Values masked.", ["tenant", "entity"], registry=REGISTRY
)
SECONDS: Final = Histogram(
    "bastide_guard_seconds",
    "Time from a call's body to its verdict.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
POLICIES: Final = Gauge("bastide_guard_policies", "Policies in force.", registry=REGISTRY)
REFUSED: Final = Gauge(
    "bastide_guard_policies_refused", "Policies refused since the start.", registry=REGISTRY
)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes and scrapes are not logged."""


def serve(host: str, port: int, healthy: Callable[[], bool]) -> WSGIServer:
    """Answer in a thread of its own, until `shutdown` is called."""
    metrics = make_wsgi_app(REGISTRY)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/healthz":
            well = healthy()
            start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"ok\n" if well else b"no policies yet\n"]
        if environ["PATH_INFO"] != "/metrics":
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics or /healthz\n"]
        answer: Iterable[bytes] = metrics(environ, start)
        return answer

    server = make_server(host, port, application, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
