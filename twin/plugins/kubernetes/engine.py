"""Messages to the engine: warnings that stay, and progress that is shown while it lasts."""

from __future__ import annotations

import threading
from contextlib import suppress

import grpc

from twin.plugins.kubernetes.stubs import engine_pb2, engine_pb2_grpc

_DEADLINE = 5.0
"""Seconds: a message that cannot be delivered is not worth waiting for."""


class Engine:
    """The engine at an address; messages go nowhere until `attach` names it."""

    def __init__(self, address: str = "") -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        self._lock = threading.Lock()
        self.attach(address)

    def attach(self, address: str) -> None:
        if address:
            with self._lock:
                self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def warn(self, message: str, urn: str = "") -> None:
        self._log(engine_pb2.WARNING, message, urn, ephemeral=False)

    def progress(self, message: str, urn: str) -> None:
        """Show `message` beside the resource until the next one; an empty one clears it."""
        self._log(engine_pb2.INFO, message, urn, ephemeral=True)

    def _log(
        self, severity: engine_pb2.LogSeverity.ValueType, message: str, urn: str, *, ephemeral: bool
    ) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        with suppress(grpc.RpcError):
            self._stub.Log(request, timeout=_DEADLINE)
