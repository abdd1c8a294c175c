"""What a block registers, without an engine: the SDK's own mock monitor, which also notes the order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import get_root_resource
from pulumi.runtime.stack import run_pulumi_func


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One registered resource; `after` holds the names of those it depends on."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    after: frozenset[str]
    protect: bool
    replace_on: tuple[str, ...]


@dataclass(kw_only=True)
class Recording:
    """All that was registered, in order, the outputs of components by name, and what was logged."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)

    def kind(self, kind: str) -> list[Registered]:
        return [found for found in self.resources if found.type.rsplit(":", 1)[-1] == kind]

    def named(self, name: str) -> Registered:
        return next(found for found in self.resources if found.name == name)


class _Echo(pulumi.runtime.Mocks):
    def __init__(self, references: Mapping[str, Any]) -> None:
        self.references = references

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            outputs = self.references.get(args.inputs["name"].rsplit("/", 1)[-1], {})
            return args.name, {**args.inputs, "outputs": outputs, "secretOutputNames": []}
        return args.name, args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(f"no block calls functions: {args.token}")


def _whole(value: Any) -> Any:
    """Whole numbers as integers, as the provider takes them: the protocol knows floating point only."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@contextmanager
def _loop_of_thread() -> Iterator[None]:
    """The event loop that the SDK's mocks want in each worker thread, closed when they are done."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class _Monitor(mocks.MockMonitor):
    def __init__(self, recording: Recording, references: Mapping[str, Any]) -> None:
        super().__init__(_Echo(references))
        self.recording = recording

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's own name)
        with _loop_of_thread():
            return super().ReadResource(request)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's own name)
        with _loop_of_thread():
            answer = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self.recording.resources.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    inputs=_whole(rpc.deserialize_properties(request.object)),
                    parent=request.parent.rsplit("::", 1)[-1],
                    after=frozenset(urn.rsplit("::", 1)[-1] for urn in request.dependencies),
                    protect=request.protect,
                    replace_on=tuple(request.replaceOnChanges),
                )
            )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (the protocol's own name)
        name = request.urn.rsplit("::", 1)[-1]
        self.recording.outputs[name] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)


def record(
    build: Callable[[], object], stack: str = "twin.test", references: Mapping[str, Any] | None = None
) -> Recording:
    """Run `build` as a program; `references` holds the outputs of other stacks, by stack name."""
    recording = Recording()

    async def run() -> None:
        monitor = _Monitor(recording, references or {})
        mocks.set_mocks(monitor.mocks, "bastide", stack, False, monitor=monitor, organization="organization")
        await run_pulumi_func(lambda: build() and None)
        recording.exports = dict(get_root_resource().outputs)

    asyncio.run(run())
    return recording
