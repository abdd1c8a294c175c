"""Serve the provider: `python -m twin.plugins.kubernetes [flags] [engine address]`; prints its port."""

from __future__ import annotations

from importlib.metadata import version

from twin.plugins.kubernetes.engine import Engine
from twin.plugins.kubernetes.provider import Provider
from twin.plugins.kubernetes.stubs import provider_pb2_grpc
from twin.plugins.serving import engine_address, serve

_THREADS = 128
"""As many resources may be waited for at once; threads are made as they are needed."""


def main() -> None:
    """Serve until the engine is done with us."""
    provider = Provider(version("pulumi-kubernetes"), Engine(engine_address()))
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server),
        threads=_THREADS,
        last=lambda: None,
    )


if __name__ == "__main__":
    main()
