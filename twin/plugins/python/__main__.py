"""Serve the language host: `python -m twin.plugins.python [flags] [engine address]`; prints its port."""

from __future__ import annotations

from importlib.metadata import version

from twin.plugins.python.children import Children
from twin.plugins.python.host import Host
from twin.plugins.python.stubs import language_pb2_grpc
from twin.plugins.serving import engine_address, serve

_THREADS = 32


def main() -> None:
    """Serve until the engine is done with us; no program or policy pack outlives the host."""
    children = Children()
    host = Host(engine_address(), version("pulumi"), children)
    serve(
        lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server),
        threads=_THREADS,
        last=children.kill_all,
    )


if __name__ == "__main__":
    main()
