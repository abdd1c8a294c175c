"""The Pulumi engine, driven through its Automation API: the same stacks that plain `pulumi` drives."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Literal, TypeAlias

from pulumi import automation
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError

from cli.environment import Target
from cli.outcome import CliError, Exit
from twin.settings import ROOT

Operation: TypeAlias = Literal["up", "preview", "drift", "destroy"]
PARALLEL_STACKS = 2
_STACK = "pulumi:pulumi:Stack"
_UNCHANGED = frozenset({"same", "read", "refresh"})
_COLOR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


@dataclass(kw_only=True)
class Outcome:
    """What an operation did to one stack. `changes` counts resources by the engine's own verbs.

    Where it failed, `warnings` are among the `errors`: they may say why.
    """

    stack: str
    operation: Operation
    changes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    outputs_changed: bool = False
    urns: set[str] = field(default_factory=set)
    seconds: float = 0.0
    code: Exit = Exit.OK

    @property
    def resources(self) -> int:
        """How many resources the operation looked at."""
        return len(self.urns)

    @property
    def changed(self) -> int:
        return sum(count for verb, count in self.changes.items() if verb not in _UNCHANGED)

    def as_json(self) -> dict[str, Any]:
        return {
            "stack": self.stack,
            "operation": self.operation,
            "changes": dict(self.changes),
            "resources": self.resources,
            "violations": self.violations,
            "errors": self.errors,
            "steps": self.steps,
            "seconds": round(self.seconds, 2),
            "exit": int(self.code),
        }


Watch: TypeAlias = Callable[[str, str], None]
"""Called with a stack and one line on what it is doing."""


def run(target: Target, stacks: Sequence[str], operation: Operation, watch: Watch) -> list[Outcome]:
    """Run `operation` on stacks that do not depend on each other, side by side."""
    with ThreadPoolExecutor(PARALLEL_STACKS) as pool:
        return list(pool.map(partial(run_one, target, operation=operation, watch=watch), stacks))


def run_one(target: Target, name: str, operation: Operation, watch: Watch) -> Outcome:
    """Run `operation` on one stack; refusals and failures come back in the outcome.

    An update or a destroy is previewed first: rules over the whole stack and protected resources refuse
    the plan before its first step, and a plan without changes needs no update.
    """
    begun = time.monotonic()
    outcome = Outcome(stack=name, operation=operation)
    try:
        stack = _select(target, name)
        _plan(stack, operation, outcome, watch)
        if operation in ("up", "destroy") and (outcome.changed or outcome.outputs_changed):
            outcome = Outcome(stack=name, operation=operation)
            change = stack.up if operation == "up" else stack.destroy
            change(on_event=partial(_take, outcome, watch), color="never")
    except ConcurrentUpdateError as error:
        outcome.code = Exit.LOCKED
        outcome.errors.append(_lock_message(str(error)))
    except CommandError as error:
        outcome.code = Exit.POLICY if outcome.violations else Exit.UPDATE
        if not outcome.errors and not outcome.violations:
            outcome.errors.append(_last_words(str(error)))
        if not outcome.violations:
            outcome.errors += outcome.warnings
    outcome.seconds = time.monotonic() - begun
    return outcome


def _plan(stack: automation.Stack, operation: Operation, outcome: Outcome, watch: Watch) -> None:
    on_event = partial(_take, outcome, watch)
    if operation == "destroy":
        stack.preview_destroy(on_event=on_event, color="never")
    else:
        stack.preview(on_event=on_event, color="never", refresh=operation == "drift")


def _select(target: Target, name: str) -> automation.Stack:
    """The stack, created where it does not exist. Selecting first saves a call of the engine each time."""
    root = str(target.twin.home) if target.twin else None
    workspace = automation.LocalWorkspace(
        work_dir=str(ROOT), env_vars=dict(target.variables), pulumi_command=_command(root)
    )
    try:
        return automation.Stack.select(name, workspace)
    except StackNotFoundError:
        return automation.Stack.create(name, workspace)


@cache
def _command(root: str | None) -> automation.PulumiCommand:
    """The engine below `root`, else that of PATH; its version is asked once."""
    return automation.PulumiCommand(root=root)


def export(target: Target, name: str) -> Mapping[str, Any]:
    """The outputs of a stack, secrets masked; empty where it was never deployed."""
    try:
        return _values(_select(target, name).outputs())
    except CommandError as error:
        raise CliError(Exit.UPDATE, _last_words(str(error))) from error


def _values(outputs: Mapping[str, automation.OutputValue]) -> dict[str, Any]:
    return {key: "[secret]" if output.secret else output.value for key, output in outputs.items()}


def cancel(target: Target, name: str) -> None:
    """Clear what a killed operation left behind: its lock, and its record of creations under way.

    What was created all the same is adopted by the next `up`: objects are applied, not created anew.
    """
    stack = _select(target, name)
    stack.cancel()
    if (stack.export_stack().deployment or {}).get("pending_operations"):
        stack.refresh(clear_pending_creates=True, color="never")


def _take(outcome: Outcome, watch: Watch, event: automation.EngineEvent) -> None:
    """Fold one engine event into the outcome."""
    if event.resource_pre_event:
        step = event.resource_pre_event.metadata
        name = step.urn.rsplit("::", 1)[-1]
        if step.op not in _UNCHANGED:
            outcome.steps.append({"verb": step.op.value, "type": step.type, "name": name})
        outcome.urns.add(step.urn)
        watch(outcome.stack, f"{outcome.resources} resources, {step.op.value} {name}")
    elif event.res_outputs_event and event.res_outputs_event.metadata.type == _STACK:
        step = event.res_outputs_event.metadata
        outcome.outputs = (step.new.outputs if step.new else None) or {}
        outcome.outputs_changed = outcome.outputs != ((step.old.outputs if step.old else None) or {})
    elif event.summary_event:
        outcome.changes.update(
            {getattr(k, "value", k): int(v) for k, v in event.summary_event.resource_changes.items()}
        )
    elif event.policy_event and event.policy_event.enforcement_level == "mandatory":
        outcome.violations.append(_plain(event.policy_event.message))
    elif event.diagnostic_event and event.diagnostic_event.severity in ("error", "warning"):
        where = event.diagnostic_event.urn or ""
        message = _plain(event.diagnostic_event.message)
        told = outcome.errors if event.diagnostic_event.severity == "error" else outcome.warnings
        told.append(f"{where.rsplit('::', 1)[-1]}: {message}" if where else message)


def _plain(text: str) -> str:
    return _COLOR.sub("", text).strip()


def _last_words(text: str) -> str:
    """The engine's own error, without the frame that the Automation API puts around it."""
    _, found, stderr = text.rpartition("stderr:")
    return _plain(stderr if found else text)


def _lock_message(text: str) -> str:
    return (
        "another operation holds the stack. If none is running, "
        f"`bastide unlock ENV LAYER` frees it. {_last_words(text)}"
    )
