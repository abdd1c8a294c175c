"""Raise, plan and take down an environment: the layers in order, then the drills."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli import console as show
from cli import drills, engine
from cli.console import Steps
from cli.engine import Operation, Outcome
from cli.environment import Target, state_problems
from cli.nodes import access, fleet, verbs
from cli.nodes.ansible import Ran
from cli.outcome import CliError, Exit
from components.drill import Record
from components.model.outputs import FoundationOutputs
from policies.registry import rules
from twin import api as twin
from twin.settings import TwinSettings


@dataclass(kw_only=True)
class Report:
    """What a verb did, stack by stack and drill by drill."""

    environment: str
    outcomes: list[Outcome] = field(default_factory=list)
    drills: list[Record] = field(default_factory=list)
    nodes: Ran | None = None
    seconds: float = 0.0

    @property
    def code(self) -> Exit:
        failed = [outcome.code for outcome in self.outcomes if outcome.code]
        if failed:
            return failed[0]
        if self.nodes and self.nodes.code:
            return self.nodes.code
        return Exit.OK if all(record.passed for record in self.drills) else Exit.DRILL

    @property
    def outputs(self) -> dict[str, Mapping[str, Any]]:
        """What the stacks put out, by stack."""
        return {outcome.stack: outcome.outputs for outcome in self.outcomes}

    def as_json(self) -> dict[str, Any]:
        changes: Counter[str] = sum((outcome.changes for outcome in self.outcomes), Counter())
        return {
            "environment": self.environment,
            "exit": int(self.code),
            "changes": dict(changes),
            "stacks": [outcome.as_json() for outcome in self.outcomes],
            "nodes": self.nodes.as_json() if self.nodes else None,
            "drills": {
                "passed": sum(record.passed for record in self.drills),
                "failed": [record.id for record in self.drills if not record.passed],
            },
            "seconds": round(self.seconds, 2),
        }


def up(target: Target, steps: Steps, tenant: str | None, *, nodes: bool = True) -> Report:
    """Raise the environment: the twin if it is one, each stage of stacks, then the drills.

    After the foundation its real machines are converged, where it has any: the platform needs their cluster.
    """
    begun = time.monotonic()
    if target.twin:
        raise_twin(target.twin, steps)
    report = Report(environment=target.name)
    stages = target.stages(tenant)
    if not tenant:
        report.outcomes = operate(target, steps, "up", stages[:1])
        if nodes and report.code is Exit.OK and fleet.real(_foundation(target, report)):
            report.nodes = verbs.converge(target, steps, _foundation(target, report), verbs.Wanted())
            target = access.adopt(target)
        stages = stages[1:]
    if report.code is Exit.OK:
        report.outcomes += operate(target, steps, "up", stages)
    if report.code is Exit.OK:
        report.drills = drill(target, steps, known=report.outputs)
    report.seconds = time.monotonic() - begun
    return report


def _foundation(target: Target, report: Report) -> Mapping[str, Any]:
    known = report.outputs.get(target.stack("foundation"), {}).get("foundation")
    return known or fleet.told(target)


def raise_twin(settings: TwinSettings, steps: Steps) -> None:
    """Get the toolchain and start the control plane."""
    with steps.step("toolchain") as step:
        toolchain = twin.resolve_toolchain(settings, step.tell)
        twin.install_bin(settings, toolchain)
        step.note = toolchain.summary
    with steps.step("control plane") as step:
        started = twin.start(settings, toolchain, step.tell)
        step.note = started.summary


def operate(target: Target, steps: Steps, operation: Operation, stages: list[list[str]]) -> list[Outcome]:
    """Run an operation stage by stage, one line a stage. A damaged state is refused first.

    A stage with a failure ends the run: what depends on it is not touched.
    """
    if damaged := state_problems(target):
        text = "\n".join(f"{each.file}: {each.problem}" for each in damaged)
        raise CliError(Exit.UPDATE, text, "; ".join(each.mend for each in damaged))
    outcomes: list[Outcome] = []
    for stage in stages:
        with steps.step(" ".join(stage)) as step:
            done = engine.run(target, stage, operation, lambda name, text: step.tell(f"{name}: {text}"))
            step.note = "; ".join(show.outcome_note(outcome) for outcome in done)
            step.state = "fail" if any(outcome.code for outcome in done) else "ok"
        outcomes += done
        for outcome in done:
            show.print_problems(steps.console, outcome)
        if any(outcome.code for outcome in done):
            break
    return outcomes


def drill(target: Target, steps: Steps, only: str = "", known: drills.Told | None = None) -> list[Record]:
    """Run the drills; each failure is printed in full. `known` are outputs that need not be asked for."""
    with steps.step("drills") as step:
        records = drills.run(
            target, drills.collect(target, known or {}, only), lambda record: step.tell(record.id)
        )
        failed = [record for record in records if not record.passed]
        step.note = f"{len(records) - len(failed)} of {len(records)} passed"
        step.state = "fail" if failed else "ok"
    for record in failed:
        show.print_drill(steps.console, record)
    return records


def summarize(target: Target, steps: Steps, report: Report) -> None:
    """The closing summary of `up`."""
    foundation = drills.outputs(target, report.outputs, "foundation", FoundationOutputs)
    objects = sum(outcome.resources for outcome in report.outcomes)
    rows: dict[str, object] = {
        "nodes": foundation.nodes,
        "accelerators": ", ".join(f"{count} {model}" for model, count in foundation.accelerators.items()),
        "tenants": ", ".join(target.model.tenants) or "none",
        "policies": f"{len(rules())} rules on {objects} resources, none violated",
        "drills": f"{sum(record.passed for record in report.drills)} of {len(report.drills)} passed",
        "took": f"{report.seconds:.0f} s",
        "look further": f".venv/bin/bastide status {target.name}",
        "by hand": f'eval "$(.venv/bin/bastide env {target.name})" && kubectl get nodes -L bastide.dev/pool',
    }
    show.print_summary(steps.console, f"Environment {target.name} is up", rows)


def take_down(target: Target, steps: Steps, *, destroy: bool, tenant: str | None) -> Report:
    """Destroy the stacks in reverse order if asked to; stop the twin unless only a tenant is meant."""
    report = Report(environment=target.name)
    if destroy:
        stages = list(reversed(target.stages(tenant)))
        report.outcomes = operate(target, steps, "destroy", stages)
    if target.twin and not tenant and report.code is Exit.OK:
        with steps.step("control plane stopped") as step:
            step.note = "its data are kept" if not destroy else ""
            twin.stop(target.twin)
    return report
