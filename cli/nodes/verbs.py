"""What each verb of `bastide nodes` does: look at the fleet, run a playbook, tell what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cli.console import Steps
from cli.environment import Target
from cli.nodes import access, ansible, evidence, fleet, views
from cli.nodes.ansible import Ran
from cli.outcome import CliError, Exit


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a verb is to run: `limit` names machines or groups, `extra` are further variables."""

    limit: str = ""
    check: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def options(self) -> list[str]:
        return [
            *(["--limit", self.limit] if self.limit else []),
            *(["--check", "--diff"] if self.check else []),
        ]


def parse_extra(words: Sequence[str]) -> dict[str, Any]:
    """Variables given as `KEY=VALUE`, or `@FILE` in YAML. A value that is JSON is taken as JSON.

    Raises `CliError` for what is neither.
    """
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("@"):
            found |= _variables(Path(word[1:]))
            continue
        key, given, value = word.partition("=")
        if not given or not key.isidentifier():
            raise CliError(
                Exit.USAGE, f"--extra {word}: must be KEY=VALUE", "e.g. --extra bastide_hardware=false"
            )
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def _variables(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CliError(Exit.USAGE, f"--extra @{path}: {error}", "name a YAML file") from error
    if not isinstance(content, dict):
        raise CliError(Exit.USAGE, f"--extra @{path}: holds no mapping", "write `variable: value` lines")
    return content


def converge(target: Target, steps: Steps, outputs: Mapping[str, Any], wanted: Wanted) -> Ran:
    """Bring the machines from reached to validated: `site.yml`, one line of progress."""
    variables = access.variables(target) | dict(wanted.extra)
    ran = run(target, steps, "site", outputs, Wanted(limit=wanted.limit, check=wanted.check, extra=variables))
    if ran.code is Exit.OK and not wanted.check:
        _keep(target, steps, ran)
    return ran


def validate(target: Target, steps: Steps, outputs: Mapping[str, Any], wanted: Wanted) -> Ran:
    """Prove that the machines are what their roles promise; the record of it is evidence."""
    ran = run(target, steps, "validate", outputs, wanted)
    _keep(target, steps, ran)
    return ran


def upgrade(target: Target, steps: Steps, outputs: Mapping[str, Any], wanted: Wanted) -> Ran:
    """Patch the machines and bring them to the pinned versions, domain by domain."""
    return run(target, steps, "upgrade", outputs, wanted)


def decommission(
    target: Target, steps: Steps, outputs: Mapping[str, Any], hosts: Sequence[str], wanted: Wanted
) -> Ran:
    """Take machines out of service and erase their disks. For ever."""
    return run(target, steps, "decommission", outputs, _leaving(target, outputs, hosts, wanted))


def replace(
    target: Target, steps: Steps, outputs: Mapping[str, Any], hosts: Sequence[str], wanted: Wanted
) -> Ran:
    """Take dead machines out of the cluster, so that others of the same names can take their places."""
    return run(target, steps, "replace", outputs, _leaving(target, outputs, hosts, wanted))


def _leaving(target: Target, outputs: Mapping[str, Any], hosts: Sequence[str], wanted: Wanted) -> Wanted:
    names = fleet.machines(fleet.require(target, outputs), list(hosts))
    records = str(target.evidence / "decommissioned")
    told = {"bastide_leaving": ",".join(names), "lifecycle_records": records}
    return Wanted(check=wanted.check, extra={**told, **wanted.extra})


def enroll(target: Target, steps: Steps, file: Path, wanted: Wanted) -> Ran:
    """Enrol bare-metal machines in Ironic; passwords come from the environment, named in the file."""
    if not file.is_file():
        raise CliError(Exit.USAGE, f"there is no file {file}", "docs/how-to/bare-metal.md shows one")
    variables = {"bastide_enroll_nodes": str(file.resolve()), **wanted.extra}
    return run(target, steps, "enroll", None, Wanted(check=wanted.check, extra=variables))


def run(
    target: Target, steps: Steps, playbook: str, outputs: Mapping[str, Any] | None, wanted: Wanted
) -> Ran:
    """Run a playbook on machines that exist and are named rightly; each fault is printed in full.

    Without outputs it runs on this computer alone.
    """
    if outputs is not None:
        machines = fleet.require(target, outputs)
        if wanted.limit:
            fleet.chosen(machines, wanted.limit)
    with steps.step("nodes" if playbook == "site" else f"nodes {playbook}") as step:
        ran = ansible.play(
            target, playbook, outputs, variables=wanted.extra, options=wanted.options(), tell=step.tell
        )
        step.note = views.note(ran, check=wanted.check)
        step.state = "ok" if ran.code is Exit.OK else "fail"
    views.print_faults(steps.console, ran)
    return ran


def bundle(folder: Path) -> dict[str, Any]:
    """Write the index of a folder of programs; its digest and what it lists."""
    from dataclasses import asdict  # noqa: PLC0415

    from cli.nodes.bundle import write_index  # noqa: PLC0415

    digest, listed = write_index(folder)
    return {"digest": digest, "artifacts": [asdict(each) for each in listed]}


def _keep(target: Target, steps: Steps, ran: Ran) -> None:
    """Keep what the machines proved. Checks of a preflight are no proof of what they are."""
    reports = [report for report in ran.reports if report["phase"] == "validation"]
    if reports or ran.faults:
        path, record = evidence.keep(target.evidence, target.name, reports, ran.faults)
        views.print_record(steps.console, record, path)
