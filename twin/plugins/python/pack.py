"""Runs a policy pack in its own process, by the pack's own interpreter.

Started by the host as a file, so it may import nothing of this project. Arguments: the descriptor of the
lifeline (see program.py), the pack's folder, then the engine's address and flags.

A pack may read the stack's configuration as soon as it starts, but the engine tells it only once it is being
served. So this process serves first, answers the handshake at once (the engine goes on while the SDK is still
being imported), takes the configuration, runs the pack, and hands all further calls to it.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, NoReturn

import grpc

_SERVICE = "/pulumirpc.Analyzer/"
_LARGEST_MESSAGE = 400 << 20


class _Call(NamedTuple):
    """What gRPC tells of a call."""

    method: str
    invocation_metadata: tuple[()]


class Front(grpc.GenericRpcHandler):
    """Serves the analyzer protocol: the two first calls by itself, the rest by the pack."""

    def __init__(self) -> None:
        self.configuration: bytes | None = None
        self.asked = threading.Event()
        self._settled = threading.Event()
        self._pack: grpc.GenericRpcHandler | None = None
        self._failure = ""

    def serve_with(self, pack: grpc.GenericRpcHandler) -> None:
        """Hand the calls to the pack's own handlers, beginning with the configuration it has missed."""
        self._pack = pack
        if self.configuration is not None:
            self._ask_pack(_Call(_SERVICE + "ConfigureStack", ()), self.configuration, None)
        self._settled.set()

    def fail(self, why: str) -> None:
        """Answer every call with `why`."""
        self._failure = why
        self._settled.set()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a call, over raw messages."""
        if not details.method.startswith(_SERVICE):
            return None
        first = {_SERVICE + "Handshake": self._handshake, _SERVICE + "ConfigureStack": self._configure}
        return grpc.unary_unary_rpc_method_handler(
            first.get(details.method) or (lambda message, context: self._forward(details, message, context))
        )

    def _handshake(self, _message: bytes, _context: grpc.ServicerContext) -> bytes:
        return b""

    def _configure(self, message: bytes, _context: grpc.ServicerContext) -> bytes:
        self.configuration = message
        self.asked.set()
        return b""

    def _forward(self, details: Any, message: bytes, context: grpc.ServicerContext) -> bytes:
        self.asked.set()
        self._settled.wait()
        if self._failure:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, self._failure)
        return self._ask_pack(details, message, context)

    def _ask_pack(self, details: Any, message: bytes, context: grpc.ServicerContext | None) -> bytes:
        handler: Any = self._pack.service(details) if self._pack else None
        if handler is None:
            raise NotImplementedError(f"the policy pack does not serve {details.method}")
        answer = handler.unary_unary(handler.request_deserializer(message), context)
        answered: bytes = handler.response_serializer(answer)
        return answered


class _Registry:
    """Takes the place of a gRPC server to learn a servicer's handlers from the generated code."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._front.serve_with(handlers[0])

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """The same handlers once more, in the form of newer generated code."""


def _configure(message: bytes, environ: dict[str, str]) -> None:
    """The stack's facts, where the SDK looks for them."""
    from pulumi.runtime.proto import analyzer_pb2  # noqa: PLC0415

    stack = analyzer_pb2.AnalyzerStackConfigureRequest.FromString(message)
    environ["PULUMI_ORGANIZATION"] = stack.organization or "organization"
    environ["PULUMI_PROJECT"] = stack.project
    environ["PULUMI_STACK"] = stack.stack
    environ["PULUMI_DRY_RUN"] = "true" if stack.dry_run else "false"
    environ["PULUMI_CONFIG"] = json.dumps(dict(stack.config))
    environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(stack.config_secret_keys))


def _take_over(front: Front, done: Callable[[], None]) -> None:
    """Let `PolicyPack(...)` of the pack be served by `front` instead of a server of its own."""
    from pulumi.runtime.proto import analyzer_pb2_grpc  # noqa: PLC0415

    stubs: Any = analyzer_pb2_grpc
    generated = stubs.add_AnalyzerServicer_to_server

    def add(servicer: Any, _server: Any) -> None:
        generated(servicer, _Registry(front))
        done()

    stubs.add_AnalyzerServicer_to_server = add


def _run(front: Front, folder: str, wait: Callable[[], None]) -> str:
    """Run the pack; returns why it ended."""
    try:
        import pulumi  # noqa: PLC0415
        import pulumi_policy  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        return f"{error}: install pulumi and pulumi-policy in {sys.prefix}"
    front.asked.wait()
    if front.configuration is not None:
        _configure(front.configuration, os.environ)  # type: ignore[arg-type]
        pulumi.runtime.set_all_config(
            pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
        )
        pulumi.runtime.configure(
            pulumi.runtime.Settings(
                project=os.environ["PULUMI_PROJECT"],
                stack=os.environ["PULUMI_STACK"],
                dry_run=os.environ["PULUMI_DRY_RUN"] == "true",
                organization=os.environ["PULUMI_ORGANIZATION"],
            )
        )
    _take_over(front, wait)
    try:
        runpy.run_path(folder, run_name="__main__")
    except Exception:
        return traceback.format_exc()
    return "its program ended without making a PolicyPack"


def _die_with_the_host(lifeline: int) -> None:
    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


def main() -> NoReturn:
    """Serve until the host or the engine ends us."""
    lifeline, folder = int(sys.argv[1]), sys.argv[2]
    _die_with_the_host(lifeline)
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    front = Front()
    server = grpc.server(
        ThreadPoolExecutor(max_workers=16),
        handlers=[front],
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()

    def wait() -> None:
        stopped.wait()
        sys.stdout.flush()
        os._exit(0)

    why = f"policy pack {folder} failed to start: {_run(front, folder, wait)}"
    front.fail(why)
    sys.stderr.write(why + "\n")
    server.stop(grace=2).wait()
    os._exit(1)


if __name__ == "__main__":
    sys.path.pop(0)
    main()
