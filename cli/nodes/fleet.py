"""The machines of an environment, as its foundation put them out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cli import engine
from cli.environment import Target
from cli.outcome import CliError, Exit
from components.model.errors import did_you_mean
from components.model.outputs import FoundationOutputs
from components.nodes.values.inventory import Inventory, InventoryError, inventory
from components.upstream import catalog
from twin.settings import ROOT

PIN = ROOT / "ansible" / "plugins" / "plugin_utils" / "pinned_host_key.sh"
_PATTERN = re.compile(r"[,:]")


def told(target: Target) -> dict[str, Any]:
    """The foundation's outputs, as the stack has them. Raises `CliError` where it was never deployed."""
    stack = target.stack("foundation")
    found = engine.export(target, stack).get("foundation")
    if not isinstance(found, dict):
        raise CliError(
            Exit.UPDATE, f"the stack {stack} has no outputs yet", f"bastide up {target.name} deploys it"
        )
    return found


def given(path: Path) -> dict[str, Any]:
    """The foundation's outputs from a file, as `pulumi stack output --json` wrote it. Raises `CliError`."""
    try:
        found = json.loads(path.read_text())["foundation"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "write it with `pulumi stack output --json --stack ENV.foundation`"
        raise CliError(Exit.USAGE, f"{path} holds no outputs of a foundation: {error!r}", mend) from error
    return dict(found)


def real(outputs: Mapping[str, Any]) -> bool:
    """Whether there are machines for Ansible."""
    return bool(outputs.get("hosts"))


def read(target: Target, outputs: Mapping[str, Any]) -> Inventory:
    """The inventory. Raises `CliError` with every problem, `OutputsError` for outputs of another release."""
    parsed = FoundationOutputs.parse(outputs, target.stack("foundation"))
    if parsed.environment != target.name:
        raise CliError(Exit.USAGE, f"these outputs are those of {parsed.environment}, not of {target.name}")
    try:
        return inventory(parsed, catalog.programs(), str(PIN))
    except InventoryError as error:
        raise CliError(Exit.CONFIG, str(error), f"then: bastide up {target.name}") from error


def require(target: Target, outputs: Mapping[str, Any]) -> Inventory:
    """The inventory of an environment that has real machines, with the key of each pinned."""
    if not real(outputs):
        raise CliError(
            Exit.USAGE,
            f"{target.name} has no real machines",
            "declare a pool of kind static or openstack: docs/how-to/static-pool.md",
        )
    return read(target, outputs)


def chosen(fleet: Inventory, limit: str) -> str:
    """`limit` as it is, once each of its names is that of a machine or a group. Raises `CliError` else."""
    known = {*fleet.hosts, *fleet.groups, "all"}
    names = [part.lstrip("!&") for part in _PATTERN.split(limit) if part.strip("!& ")]
    strange = [name for name in names if not any(fnmatchcase(each, name) for each in known)]
    if strange or not names:
        mends = " ".join(did_you_mean(name, known) for name in strange)
        raise CliError(
            Exit.USAGE, f"no machine or group is called {', '.join(strange) or repr(limit)}", mends
        )
    return limit


def machines(fleet: Inventory, names: list[str]) -> list[str]:
    """`names` as they are, once each is that of a machine. Raises `CliError` else."""
    if strange := [name for name in names if name not in fleet.of_hosts]:
        mends = " ".join(did_you_mean(name, fleet.hosts) for name in strange)
        raise CliError(Exit.USAGE, f"no machine is called {', '.join(strange)}", mends)
    return names


def rows(fleet: Inventory) -> list[dict[str, Any]]:
    """What `bastide nodes list` tells: each machine with its groups, and whether its key is pinned."""
    groups: dict[str, list[str]] = {host: [] for host in fleet.hosts}
    for group, members in fleet.groups.items():
        for host in members:
            groups[host].append(group)
    return [
        {
            "name": host,
            "address": variables["ansible_host"],
            "port": variables["ansible_port"],
            "user": variables["ansible_user"],
            "pinned": bool(variables["bastide_host_key"]),
            "groups": groups[host],
        }
        for host, variables in fleet.of_hosts.items()
    ]
