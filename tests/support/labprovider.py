# ruff: noqa: N802  (the protocol names the methods)
"""A provider for tests: `lab:index:Record` objects live as files in a folder, and a test may interfere.

The folder is the environment variable LAB. Files in it steer and tell:
- `objects/<name>.json`  the objects; `uid` says whether one was made anew
- `calls`                one line per call: `<verb> <name> begin|end`
- `hold-<verb>-<name>`   while it exists, that call waits, after its effect and before its answer
- `fail-<verb>-<name>`   that call fails with the file's text, before its effect
Inputs of a Record: `key` (default: its name), `value`, `fixed` (a change of it or of `key` replaces),
`unique` (replace by delete first).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

import twin.plugins.python.stubs  # noqa: F401  # enters the SDK's stubs without the SDK

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = "4dabf18193072939515e22adb298388d"
FOLDER = Path(os.environ["LAB"])
_lock = threading.Lock()


def plain(value: Any) -> Any:
    """The value without its secret wrappings."""
    if isinstance(value, dict):
        return (
            plain(value["value"]) if is_secret(value) else {key: plain(item) for key, item in value.items()}
        )
    return [plain(item) for item in value] if isinstance(value, list) else value


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and SECRET in value


def as_secret(value: Any) -> dict[str, Any]:
    return {SECRET: "1b47061264138c4ac30d75fd1eb44270", "value": value}


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def values(message: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(message)


def path(name: str) -> Path:
    return FOLDER / "objects" / f"{name}.json"


def note(line: str) -> None:
    with _lock, (FOLDER / "calls").open("a") as calls:
        calls.write(line + "\n")


class call:  # noqa: N801
    """One call on an object: noted, failed or held as the folder says."""

    def __init__(self, verb: str, name: str, context: grpc.ServicerContext) -> None:
        self.verb, self.name, self.context = verb, name, context

    def __enter__(self) -> None:
        note(f"{self.verb} {self.name} begin")
        fail = FOLDER / f"fail-{self.verb}-{self.name}"
        if fail.exists():
            self.context.abort(grpc.StatusCode.UNKNOWN, fail.read_text())

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            while (FOLDER / f"hold-{self.verb}-{self.name}").exists() and self.context.is_active():
                time.sleep(0.01)
            note(f"{self.verb} {self.name} end")


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_outputs=True)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptOutputs=True)

    def Check(self, request: Any, context: Any) -> Any:
        inputs = values(request.news)
        inputs.setdefault("key", request.urn.rsplit("::", 1)[-1])
        return provider_pb2.CheckResponse(inputs=struct(inputs))

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = values(request.old_inputs), values(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if plain(old.get(key)) != plain(new.get(key)))
        replaces = [key for key in changed if key in ("fixed", "key")]
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if changed else none,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(plain(new.get("unique"))),
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs = values(request.properties)
        name = plain(inputs["key"])
        if request.preview:
            return provider_pb2.CreateResponse(properties=struct({**inputs, "uid": UNKNOWN}))
        with call("create", name, context):
            uid = read(name).get("uid") or str(uuid.uuid4())
            write(name, {**inputs, "uid": uid})
        return provider_pb2.CreateResponse(id=name, properties=struct({**inputs, "uid": uid}))

    def Update(self, request: Any, context: Any) -> Any:
        inputs, old = values(request.news), values(request.olds)
        if not request.preview:
            with call("update", request.id, context):
                write(request.id, {**inputs, "uid": old["uid"]})
        return provider_pb2.UpdateResponse(properties=struct({**inputs, "uid": old["uid"]}))

    def Read(self, request: Any, context: Any) -> Any:
        with call("read", request.id, context):
            live = read(request.id)
        if not live:
            return provider_pb2.ReadResponse()
        known = values(request.inputs)
        live = {key: as_secret(value) if is_secret(known.get(key)) else value for key, value in live.items()}
        inputs = {key: value for key, value in live.items() if key != "uid"}
        return provider_pb2.ReadResponse(id=request.id, properties=struct(live), inputs=struct(inputs))

    def Delete(self, request: Any, context: Any) -> Any:
        with call("delete", request.id, context):
            path(request.id).unlink(missing_ok=True)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        note("cancel provider begin")
        return empty_pb2.Empty()


def read(name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path(name).read_text())
    except FileNotFoundError:
        return {}
    return found


def write(name: str, live: dict[str, Any]) -> None:
    path(name).parent.mkdir(parents=True, exist_ok=True)
    path(name).write_text(json.dumps(plain(live)))


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    (FOLDER / "provider.pid").write_text(str(os.getpid()))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # the engine's end of the pipe closes when it dies
    os._exit(0)


if __name__ == "__main__":
    main()
