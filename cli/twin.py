"""`bastide twin ENV ACTION`: the control plane alone."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from cli import lifecycle
from cli.console import MARKS, Steps
from cli.environment import Target
from cli.outcome import CliError, Exit
from twin import api

ACTIONS = ("start", "stop", "status", "reset")


def act(target: Target, action: str, steps: Steps, *, as_json: bool) -> Exit:
    """Do `action`; `status` exits `UNREACHABLE` where a member is not healthy."""
    if target.twin is None:
        raise CliError(
            Exit.USAGE, f"{target.name} is not a twin", "its stack file says the environment's kind"
        )
    if action not in ACTIONS:
        raise CliError(Exit.USAGE, f"no action is called {action!r}", f"one of: {', '.join(ACTIONS)}")
    if action == "start":
        lifecycle.raise_twin(target.twin, steps)
    elif action == "stop":
        api.stop(target.twin)
    elif action == "reset":
        api.reset(target.twin)
    members = api.status(target.twin)
    if as_json:
        typer.echo(json.dumps([asdict(member) for member in members], indent=1))
    elif action == "status":
        for member in members:
            mark = MARKS["ok" if member.state == "healthy" else "fail"]
            steps.console.print(f"{mark} {member.name:<24} {member.state}", highlight=False)
    unwell = action == "status" and any(member.state != "healthy" for member in members)
    return Exit.UNREACHABLE if unwell else Exit.OK
