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
    provider: str = ""
    ignored: tuple[str, ...] = ()
    delete_first: bool = False


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


@dataclass(kw_only=True)
class Answers:
    """What the world says: outputs that only a provider knows, by type, and functions by their token.

    Each takes the inputs. `asked` notes the calls of functions, with their inputs and providers.
    """

    outputs: Mapping[str, Callable[[Any], dict[str, Any]]] = field(default_factory=dict)
    functions: Mapping[str, Callable[[Any], dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)


class _Echo(pulumi.runtime.Mocks):
    def __init__(self, references: Mapping[str, Any], answers: Answers) -> None:
        self.references = references
        self.answers = answers

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            outputs = self.references.get(args.inputs["name"].rsplit("/", 1)[-1], {})
            return args.name, {**args.inputs, "outputs": outputs, "secretOutputNames": []}
        known = self.answers.outputs.get(args.typ, lambda _: {})
        return args.name, {**args.inputs, **known(args.inputs)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        assert args.token in self.answers.functions, f"nothing answers {args.token}"
        provider = (args.provider or "").rsplit("::", 2)
        self.answers.asked.append((args.token, args.args, provider[-2] if len(provider) > 1 else ""))
        return self.answers.functions[args.token](args.args)


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
    def __init__(self, recording: Recording, references: Mapping[str, Any], answers: Answers) -> None:
        super().__init__(_Echo(references, answers))
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
                    provider=request.provider.rsplit("::", 2)[-2] if request.provider else "",
                    ignored=tuple(request.ignoreChanges),
                    delete_first=request.deleteBeforeReplace,
                )
            )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (the protocol's own name)
        name = request.urn.rsplit("::", 1)[-1]
        self.recording.outputs[name] = _whole(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)


def record(
    build: Callable[[], object],
    stack: str = "twin.test",
    references: Mapping[str, Any] | None = None,
    answers: Answers | None = None,
) -> Recording:
    """Run `build` as a program; `references` holds the outputs of other stacks, by stack name."""
    recording = Recording()

    async def run() -> None:
        monitor = _Monitor(recording, references or {}, answers or Answers())
        mocks.set_mocks(monitor.mocks, "bastide", stack, False, monitor=monitor, organization="organization")
        await run_pulumi_func(lambda: build() and None)
        recording.exports = dict(get_root_resource().outputs)

    asyncio.run(run())
    return recording
