"""The verbs `bastide provider …`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.environment import CONFIG
from cli.outcome import CliError, Exit

app = typer.Typer(no_args_is_help=True, help="Admit, degrade and exit providers of the gateway; rotate keys.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider's id.")]
Env = Annotated[str, typer.Option("--env", help="The environment, where there are several.")]
Config = Annotated[Path, typer.Option("--config", help="The folder of stack files.")]
Evidence = Annotated[Path | None, typer.Option("--evidence", help="Where records are kept.")]
Yes = Annotated[bool, typer.Option("--yes", help="Make the change without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Seconds = Annotated[float, typer.Option("--seconds", min=0.1, help="How long to wait.")]


def _call(
    name: str, env: str, config: Path, evidence: Path | None, *, yes: bool, dry_run: bool, as_json: bool
) -> Any:
    from cli.provider.verbs import Call, chosen_environment

    def agree(change: Any) -> bool:
        if dry_run:
            return False
        if yes:
            return True
        if as_json or not sys.stdin.isatty():
            raise CliError(Exit.USAGE, "nobody is there to agree", "add --yes, or --dry-run to look only")
        typer.echo(change.diff, err=True)
        return typer.confirm("Change the file like this?", err=True)

    named = chosen_environment(env, config)
    return Call(env=named, config=config, name=name, evidence=evidence, agree=agree)


def _tell(result: Any, *, as_json: bool) -> None:
    from cli.provider.views import show

    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=1))
    else:
        show(Console(soft_wrap=True), result)
    raise typer.Exit(result.code)


@app.command()
def admit(
    name: Name,
    *,
    env: Env = "",
    config: Config = CONFIG,
    tries: Annotated[int, typer.Option("--tries", min=1, help="How often it is asked.")] = 3,
    seconds: Seconds = 5,
    ca: Annotated[Path | None, typer.Option("--ca", help="Certificates to trust, in PEM.")] = None,
    unchecked: Annotated[str, typer.Option("--unchecked", help="Do not ask it; why not.")] = "",
    evidence: Evidence = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Admit a proposed or degraded provider: it must answer, and the configuration must hold with it."""
    from cli.provider import verbs

    call = _call(name, env, config, evidence, yes=yes, dry_run=dry_run, as_json=as_json)
    _tell(verbs.admit(call, tries, seconds, ca, unchecked), as_json=as_json)


@app.command()
def degrade(
    name: Name,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    env: Env = "",
    config: Config = CONFIG,
    evidence: Evidence = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Note that an admitted provider serves badly; it keeps its traffic."""
    from cli.provider import verbs

    call = _call(name, env, config, evidence, yes=yes, dry_run=dry_run, as_json=as_json)
    _tell(verbs.degrade(call, reason), as_json=as_json)


@app.command(name="exit")
def exit_(
    name: Name,
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Take it out of all models.")] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Prove that nothing is left of it.")] = False,
    revoked_at: Annotated[str, typer.Option("--revoked-at", help="Day on which its key was revoked.")] = "",
    reference: Annotated[str, typer.Option("--revocation-reference", help="Where that is confirmed.")] = "",
    env: Env = "",
    config: Config = CONFIG,
    evidence: Evidence = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let a provider exit: drained, its key revoked, purged, with a record as evidence."""
    from cli.provider import verbs

    call = _call(name, env, config, evidence, yes=yes, dry_run=dry_run, as_json=as_json)
    done = verbs.finish(call, revoked_at, reference) if finish else verbs.leave(call, drain=drain)
    _tell(done, as_json=as_json)


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The provider's id.")] = "",
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say how old every key is.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="Rotate the virtual keys of a tenant.")] = False,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant of --keys.")] = "",
    env: Env = "",
    config: Config = CONFIG,
    seconds: Seconds = 60,
    evidence: Evidence = None,
    as_json: Json = False,
) -> None:
    """Have a key replaced now and wait until the new one is there; or check the age of all keys."""
    from cli.console import Steps
    from cli.provider import rotating

    steps = Steps(Console(stderr=True, soft_wrap=True))
    call = _call(name, env, config, evidence, yes=True, dry_run=False, as_json=as_json)
    wanted = rotating.Wanted(provider=name, tenant=tenant, keys=keys, check=check)
    _tell(rotating.rotate(call, wanted, seconds, steps), as_json=as_json)
