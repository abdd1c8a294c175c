"""The verbs `bastide nodes …`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.environment import CONFIG

app = typer.Typer(
    no_args_is_help=True, help="Real machines: list, converge, validate, upgrade, decommission."
)

Env = Annotated[str, typer.Argument(metavar="ENV", help="The environment, e.g. prod.")]
Config = Annotated[Path, typer.Option("--config", help="The folder of stack files.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Limit = Annotated[str, typer.Option("--limit", help="Only these machines or groups, e.g. rack_r1,gpu-3.")]
Check = Annotated[bool, typer.Option("--check", help="Only say what would change.")]
Outputs = Annotated[
    Path | None, typer.Option("--outputs", help="A file of the foundation's outputs, not its stack.")
]
Extra = Annotated[
    list[str] | None, typer.Option("--extra", help="Further variables of the roles: KEY=VALUE or @FILE.")
]


class _Call:
    """What every verb starts from: the environment, its outputs, where to tell."""

    def __init__(
        self, env: str, config: Path, outputs: Path | None, *, as_json: bool, deployed: bool = True
    ) -> None:
        from cli.console import Steps
        from cli.environment import open_environment
        from cli.nodes import fleet

        self.steps = Steps(Console(stderr=as_json, soft_wrap=True))
        self.target = open_environment(env, config, dates=())
        self.outputs: dict[str, Any] = {}
        if deployed:
            self.outputs = fleet.given(outputs) if outputs else fleet.told(self.target)
        self.as_json = as_json

    def end(self, ran: Any) -> None:
        if self.as_json:
            typer.echo(json.dumps(ran.as_json(), indent=1))
        raise typer.Exit(ran.code)


def _wanted(limit: str = "", extra: list[str] | None = None, *, check: bool = False) -> Any:
    from cli.nodes import verbs

    return verbs.Wanted(limit=limit, check=check, extra=verbs.parse_extra(extra or []))


@app.command(name="list")
def list_(env: Env, *, config: Config = CONFIG, outputs: Outputs = None, as_json: Json = False) -> None:
    """List the machines in the order of change: address, groups, whether the key is pinned."""
    from cli.nodes import fleet, views

    call = _Call(env, config, outputs, as_json=as_json)
    rows = fleet.rows(fleet.read(call.target, call.outputs))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        views.print_fleet(call.steps.console, rows)


@app.command()
def up(
    env: Env,
    *,
    limit: Limit = "",
    check: Check = False,
    extra: Extra = None,
    config: Config = CONFIG,
    outputs: Outputs = None,
    as_json: Json = False,
) -> None:
    """Bring the machines from reached to validated nodes. Again: changes nothing. After a fault: goes on."""
    from cli.nodes import access, verbs

    call, wanted = _Call(env, config, outputs, as_json=as_json), _wanted(limit, extra, check=check)
    ran = verbs.converge(call.target, call.steps, call.outputs, wanted)
    access.adopt(call.target)
    call.end(ran)


@app.command()
def validate(
    env: Env,
    *,
    limit: Limit = "",
    extra: Extra = None,
    config: Config = CONFIG,
    outputs: Outputs = None,
    as_json: Json = False,
) -> None:
    """Prove that each machine is what its roles promise; keeps the reports as evidence. Changes nothing."""
    from cli.nodes import verbs

    call = _Call(env, config, outputs, as_json=as_json)
    call.end(verbs.validate(call.target, call.steps, call.outputs, _wanted(limit, extra)))


@app.command()
def upgrade(
    env: Env,
    *,
    limit: Limit = "",
    check: Check = False,
    extra: Extra = None,
    config: Config = CONFIG,
    outputs: Outputs = None,
    as_json: Json = False,
) -> None:
    """Patch the machines and bring them to the pinned versions, drained, domain by domain."""
    from cli.nodes import verbs

    call, wanted = _Call(env, config, outputs, as_json=as_json), _wanted(limit, extra, check=check)
    call.end(verbs.upgrade(call.target, call.steps, call.outputs, wanted))


Hosts = Annotated[list[str], typer.Argument(metavar="HOST...", help="The machines that leave.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def decommission(
    env: Env,
    hosts: Hosts,
    *,
    yes: Yes = False,
    check: Check = False,
    extra: Extra = None,
    config: Config = CONFIG,
    outputs: Outputs = None,
    as_json: Json = False,
) -> None:
    """Take machines out of the cluster and erase their disks. For ever."""
    from cli.nodes import verbs

    call = _Call(env, config, outputs, as_json=as_json)
    if not check:
        _agree(f"Erase the disks of {', '.join(hosts)} for ever?", yes, as_json)
    call.end(
        verbs.decommission(call.target, call.steps, call.outputs, hosts, _wanted("", extra, check=check))
    )


@app.command()
def replace(
    env: Env,
    hosts: Hosts,
    *,
    yes: Yes = False,
    extra: Extra = None,
    config: Config = CONFIG,
    outputs: Outputs = None,
    as_json: Json = False,
) -> None:
    """Take dead machines, which are off, out of the cluster: others of their names can then come in."""
    from cli.nodes import verbs

    call = _Call(env, config, outputs, as_json=as_json)
    _agree(f"Are {', '.join(hosts)} off, and will they stay so?", yes, as_json)
    call.end(verbs.replace(call.target, call.steps, call.outputs, hosts, _wanted("", extra)))


def _agree(question: str, yes: bool, as_json: bool) -> None:
    """Ask a person, unless told not to."""
    from cli.outcome import CliError, Exit

    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise CliError(Exit.USAGE, "nobody is there to agree", "add --yes once you have made sure")
    typer.confirm(question, abort=True, err=True)


@app.command()
def enroll(
    env: Env,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The machines and their controllers.")],
    *,
    check: Check = False,
    extra: Extra = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Enrol bare-metal machines in Ironic by Redfish, before the foundation makes instances of them."""
    from cli.nodes import verbs

    call = _Call(env, config, None, as_json=as_json, deployed=False)
    call.end(verbs.enroll(call.target, call.steps, file, _wanted("", extra, check=check)))


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="<name>/<version>/<arch>/<file> below it.")],
    *,
    as_json: Json = False,
) -> None:
    """Write the index of a folder of programs, and print the digest that pins it."""
    from cli.nodes import verbs

    told = verbs.bundle(folder)
    typer.echo(
        json.dumps(told, indent=1) if as_json else f"{told['digest']}  {len(told['artifacts'])} programs"
    )
