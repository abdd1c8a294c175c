"""The `bastide` command."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console

from cli.environment import CONFIG, Target, open_environment, require_running
from cli.images.app import app as images_app
from cli.nodes.app import app as nodes_app
from cli.outcome import CliError, Exit
from cli.provider.app import app as provider_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Infrastructure as code for the platform on which an enterprise runs AI agents.",
)
app.add_typer(images_app, name="images")
app.add_typer(nodes_app, name="nodes")
app.add_typer(provider_app, name="provider")
Env = Annotated[str, typer.Argument(metavar="ENV", help="The environment, e.g. twin.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Tenant = Annotated[Optional[str], typer.Option("--tenant", help="Only this tenant's stack.")]  # noqa: UP045
Config = Annotated[Path, typer.Option("--config", help="The folder of stack files.")]


def _steps(as_json: bool) -> Any:
    from cli.console import Steps

    return Steps(Console(stderr=as_json, soft_wrap=True))


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=1))


def _open(env: str, tenant: str | None = None, config: Path = CONFIG, changes: bool = False) -> Target:
    """The environment. What has run out stops what `changes` it: the whole, or the one tenant."""
    dates = () if not changes else (tenant,) if tenant else None
    target = open_environment(env, config, dates=dates)
    if tenant and tenant not in target.model.tenants:
        known = ", ".join(target.model.tenants) or "none"
        raise CliError(Exit.USAGE, f"{env} has no tenant {tenant!r}", f"known tenants: {known}")
    return target


def _open_running(
    env: str, tenant: str | None = None, config: Path = CONFIG, changes: bool = False
) -> Target:
    return require_running(_open(env, tenant, config, changes))


@app.command()
def up(
    env: Env,
    tenant: Tenant = None,
    skip_nodes: Annotated[bool, typer.Option("--skip-nodes", help="Leave real machines alone.")] = False,
    as_json: Json = False,
) -> None:
    """Raise an environment: check, deploy the layers in order, drill. Again: changes nothing."""
    from cli import lifecycle

    steps = _steps(as_json)
    target = _open(env, tenant, changes=True)
    report = lifecycle.up(target, steps, tenant, nodes=not skip_nodes)
    if as_json:
        _print_json(report.as_json())
    elif report.code is Exit.OK:
        lifecycle.summarize(target, steps, report)
    raise typer.Exit(report.code)


@app.command()
def preview(
    env: Env,
    tenant: Tenant = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compare with the live state first.")] = False,
    as_json: Json = False,
) -> None:
    """Show what `up` would change, in plain words. Changes nothing."""
    from cli import console, lifecycle

    steps = _steps(as_json)
    target = _open_running(env, tenant, changes=True)
    report = lifecycle.Report(environment=env)
    report.outcomes = lifecycle.operate(
        target, steps, "drift" if refresh else "preview", target.stages(tenant)
    )
    if as_json:
        _print_json(report.as_json())
    else:
        for outcome in report.outcomes:
            console.print_plan(steps.console, outcome)
    raise typer.Exit(report.code)


@app.command()
def down(
    env: Env,
    destroy: Annotated[bool, typer.Option("--destroy", help="Destroy the stacks first.")] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Take an environment down: stop the twin, keeping its data; with --destroy, delete its stacks."""
    from cli import lifecycle

    target = _open(env, tenant)
    if not target.twin and not destroy:
        message = f"{env} runs on real machines: there is nothing to stop"
        raise CliError(Exit.USAGE, message, "--destroy deletes its stacks")
    if tenant and not destroy:
        raise CliError(Exit.USAGE, "--tenant goes with --destroy", f"bastide down {env} --destroy --tenant T")
    if destroy:
        target = _open_running(env, tenant)
    report = lifecycle.take_down(target, _steps(as_json), destroy=destroy, tenant=tenant)
    if as_json:
        _print_json(report.as_json())
    raise typer.Exit(report.code)


@app.command()
def status(
    env: Env,
    drift: Annotated[bool, typer.Option(help="Compare the stacks with the live state.")] = True,
    as_json: Json = False,
) -> None:
    """Show what runs, what is deployed, and what drifted from its declaration."""
    from cli import views
    from cli.status import status as look

    report = look(_open(env), drift=drift)
    if as_json:
        _print_json(report)
    else:
        views.print_status(Console(soft_wrap=True), report)
    raise typer.Exit(report["exit"])


@app.command()
def check(env: Env, config: Config = CONFIG, as_json: Json = False) -> None:
    """Check the configuration of an environment as a whole: every problem at once. Needs no cluster."""
    from cli.check import render, to_json
    from components.model.loading import check_environment

    problems = check_environment(config, env)
    if as_json:
        _print_json(to_json(problems))
    else:
        color = sys.stdout.isatty()
        typer.echo(render(problems, color=color) if problems else f"{env}: the configuration is valid")
    raise typer.Exit(Exit.CONFIG if problems else Exit.OK)


@app.command()
def doctor(env: Env, as_json: Json = False) -> None:
    """Look for what would stop an `up`, before it does. Changes nothing."""
    from cli import console
    from cli.doctor import examine

    findings = list(examine(_open(env)))
    if as_json:
        _print_json([finding.as_json() for finding in findings])
    else:
        console.print_findings(Console(soft_wrap=True), findings)
    raise typer.Exit(Exit.FAILED if any(finding.state == "fail" for finding in findings) else Exit.OK)


@app.command()
def drill(
    env: Env,
    only: Annotated[str, typer.Option("--only", help="The id of one drill.")] = "",
    as_json: Json = False,
) -> None:
    """Probe the live environment: does what was promised hold?"""
    from dataclasses import asdict

    from cli import console, lifecycle

    steps = _steps(as_json)
    records = lifecycle.drill(_open_running(env), steps, only)
    if as_json:
        _print_json([asdict(record) for record in records])
    else:
        for record in records:
            console.print_drill(steps.console, record)
    raise typer.Exit(Exit.OK if all(record.passed for record in records) else Exit.DRILL)


@app.command()
def coverage(as_json: Json = False) -> None:
    """Requirement by requirement: what realises it and what shows it."""
    from cli import views
    from cli.coverage import current

    found = current()
    if as_json:
        _print_json({id_: row.as_json() for id_, row in found.items()})
    else:
        views.print_coverage(Console(soft_wrap=True), found.values())


@app.command()
def usage(
    env: Env,
    *,
    tenant: Tenant = None,
    month: Annotated[str, typer.Option("--month", help="Like 2026-11; else the last one there is.")] = "",
    by: Annotated[
        str,
        typer.Option("--by", help="tenant, department, user, key, model, provider, cost-center or tag:NAME."),
    ] = "department",
    places: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--from", help="Logs of the proxies: a file, a folder or `-`; else those that run."),
    ] = None,
    metrics: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--metrics", help="Compare with the proxies' metrics: a file or an address."),
    ] = None,
    tolerance: Annotated[float, typer.Option("--tolerance", help="Percent by which these may differ.")] = 0,
    config: Config = CONFIG,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the groups as CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Show what was used and what it cost, from the gateway's own records."""
    from cli.usage import views
    from cli.usage.command import usage as look

    target = _open(env, tenant, config) if places else _open_running(env, tenant, config)
    found = look(
        target,
        month=month,
        by=by,
        tenant=tenant or "",
        places=places or [],
        metrics=metrics or [],
        tolerance=tolerance,
    )
    if as_json:
        _print_json(views.as_json(found.report, found.differences))
    elif as_csv:
        typer.echo(views.as_csv(found.report), nl=False)
    else:
        views.show(Console(soft_wrap=True), found.report, found.differences)
    raise typer.Exit(found.code)


@app.command(name="env")
def env_(env: Env) -> None:
    """Print shell exports, so that plain `pulumi`, `kubectl` and Ansible work: eval "$(bastide env ENV)"."""
    from cli.environment import exports
    from cli.nodes import ansible

    target = _open(env)
    found = exports(target) | ({} if target.twin else ansible.prepare(target))
    for key, value in found.items():
        typer.echo(f"export {key}={shlex.quote(value)}")


@app.command()
def unlock(env: Env, layer: Annotated[str, typer.Argument(help="foundation, platform or a tenant.")]) -> None:
    """Clear the lock of a stack whose operation was killed. Make sure that none is running."""
    from cli import engine

    target = _open(env)
    engine.cancel(target, target.stack(layer))
    typer.echo(f"{target.stack(layer)} is free")


@app.command()
def twin(
    env: Env,
    action: Annotated[str, typer.Argument(help="start, stop, status or reset (stop and forget all).")],
    as_json: Json = False,
) -> None:
    """Start, stop, look at or reset the control plane of a twin, without deploying anything."""
    from cli.twin import act

    raise typer.Exit(act(_open(env), action, _steps(as_json), as_json=as_json))


def main() -> None:
    """Entry point: every refusal becomes one plain message and its exit code."""
    from cli.failure import explain

    try:
        app()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        sys.exit(explain(error))
