"""`python -m bastide_guard`: serve until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Final

import grpc
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from bastide_guard import metrics
from bastide_guard.server import Guard
from bastide_guard.sources import watch_cluster, watch_folder
from bastide_guard.tenants import Tenants
from bastide_guard.workers import Workers

LOG: Final = logging.getLogger("bastide_guard")
BODY_BYTES: Final = 64 * 2**20
"""Largest message that is taken; the gateway's own limit on bodies is below."""
GRACE: Final = 10.0
"""Seconds that calls under way get at the end."""


class JsonLines(logging.Formatter):
    """One JSON object a line. Messages are ours and never quote a call."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return json.dumps(
            {
                "event": "log",
                "time": self.formatTime(record),
                "level": record.levelname,
                "message": record.getMessage(),
            }
        )


def arguments(line: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bastide_guard", description="The AI gateway's guard.")
    parser.add_argument("--listen", default="0.0.0.0:9002", help="address of gRPC")
    parser.add_argument("--metrics", default="0.0.0.0:9003", help="address of /metrics, /healthz")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--policies", type=Path, help="folder of <tenant>.json")
    source.add_argument("--kubernetes", action="store_true", help="ConfigMaps guard-<tenant>")
    parser.add_argument("--kubeconfig", type=Path, help="in place of the pod's service account")
    parser.add_argument("--namespace", help="in place of the identity's own")
    parser.add_argument("--workers", type=int, default=2, help="processes that judge calls")
    return parser.parse_args(line)


async def serve(asked: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    tenants, workers, health = Tenants(), Workers(asked.workers), health_aio.HealthServicer()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", BODY_BYTES)])
    external_processor_pb2_grpc.add_ExternalProcessorServicer_to_server(Guard(tenants, workers), server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    await health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    port = server.add_insecure_port(asked.listen)
    metrics.POLICIES.set_function(lambda: len(tenants))
    metrics.REFUSED.set_function(lambda: tenants.refused)
    host, _, http_port = asked.metrics.rpartition(":")
    http = metrics.serve(host, int(http_port), lambda: tenants.synchronized)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = (
        watch_cluster(asked.kubeconfig, asked.namespace, tenants)
        if asked.kubernetes
        else watch_folder(asked.policies, tenants)
    )
    watching = asyncio.create_task(watch)
    await workers.ready()
    await server.start()
    LOG.info("gRPC on port %d, metrics on port %d, %d workers", port, http.server_port, asked.workers)
    while not tenants.synchronized and not stop.is_set():
        await asyncio.sleep(0.05)
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    await stop.wait()
    await health.enter_graceful_shutdown()
    watching.cancel()
    await server.stop(GRACE)
    http.shutdown()
    workers.close()


def main() -> None:
    """Start."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    LOG.setLevel(logging.INFO)
    asyncio.run(serve(arguments()))


if __name__ == "__main__":
    main()
