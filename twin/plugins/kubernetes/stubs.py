"""The provider protocol's gRPC stubs, entered without the SDK around them (see the language host's stubs)."""

from __future__ import annotations

from twin.plugins.python.stubs import engine_pb2, engine_pb2_grpc, plugin_pb2

# After the line above the SDK's packages are bare: only the stubs' own modules are executed.
from pulumi.runtime.proto import (  # isort: skip
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
    status_pb2,
)

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "resource_pb2",
    "resource_pb2_grpc",
    "status_pb2",
]
