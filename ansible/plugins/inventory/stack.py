"""Inventory plugin: the real machines of an environment, from the outputs of its foundation stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError

from ansible.plugins.inventory import BaseInventoryPlugin

try:
    import components
    from components.model.outputs import FoundationOutputs, OutputsError
    from components.nodes.values.inventory import InventoryError, inventory
    from components.upstream import catalog
except ImportError as error:
    MISSING = str(error)
else:
    MISSING = ""

DOCUMENTATION = """
name: stack
short_description: The real machines of an environment, from the outputs of its foundation stack
description:
  - Reads the typed outputs of the stack C(<environment>.foundation) and makes groups, machines and the
    variables of the roles of this collection. The same outputs always give the same inventory.
  - The source is a file whose name ends in C(.bastide.yaml).
options:
  plugin:
    description: Name of this plugin.
    required: true
    choices: [bastide.nodes.stack]
  environment:
    description: Name of the environment.
    required: true
    type: str
  outputs:
    description:
      - A file with what C(pulumi stack output --json) printed, for a place without the stack's state.
      - Relative to the source. Without it the engine is asked.
    type: str
  project:
    description: Folder of the project; by default the one that the installed package C(bastide) comes from.
    type: path
"""

EXAMPLES = """
plugin: bastide.nodes.stack
environment: prod
"""

PIN = Path(__file__).parent.parent / "plugin_utils" / "pinned_host_key.sh"
SUFFIXES = (".bastide.yaml", ".bastide.yml")
_TIMEOUT = 120  # seconds for the engine


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]
    """Fills Ansible's inventory; all that is decided is decided by `components.nodes.values.inventory`."""

    NAME = "bastide.nodes.stack"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        found = self._inventory(self.get_option("environment"), Path(path))
        for host, variables in found.of_hosts.items():
            inventory.add_host(host)
            for key, value in variables.items():
                inventory.set_variable(host, key, value)
        for key, value in found.common.items():
            inventory.set_variable("all", key, value)
        for group, hosts in found.groups.items():
            inventory.add_group(group)
            for host in hosts:
                inventory.add_child(group, host)
            for key, value in found.of_groups.get(group, {}).items():
                inventory.set_variable(group, key, value)

    def _inventory(self, environment: str, source: Path) -> Any:
        if MISSING:
            raise AnsibleParserError(
                f"{source}: the Python that runs Ansible ({sys.executable}) has no Bastide: {MISSING}. "
                "Mend: run .venv/bin/ansible-playbook of the project, or install the project there."
            )
        stack = f"{environment}.foundation"
        told = self._told(stack, source)
        try:
            outputs = FoundationOutputs.parse(told.get("foundation"), stack)
            found = inventory(outputs, catalog.programs(), str(PIN))
        except (InventoryError, OutputsError) as error:
            raise AnsibleParserError(f"{source}: stack {stack}:\n{error}") from None
        if outputs.environment != environment:
            raise AnsibleParserError(
                f"{source}: the outputs are those of {outputs.environment}, the source says {environment}. "
                "Mend: name the right environment or the right file."
            )
        if not found.hosts:
            raise AnsibleParserError(
                f"{source}: {environment} has no real machines. "
                "Mend: declare a pool of kind static or openstack."
            )
        return found

    def _told(self, stack: str, source: Path) -> dict[str, Any]:
        """The outputs of the stack by name: from the file that was given, else from the engine."""
        named = self.get_option("outputs")
        where = f"file {named}" if named else f"stack {stack}"
        try:
            text = (source.parent / named).read_text() if named else self._asked(stack)
            told = json.loads(text)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip()
            raise AnsibleParserError(
                f"{source}: {where} could not be read: {said}. Mend: `pulumi up -s {stack}` deploys it; "
                'eval "$(bastide env ENV)" sets the variables that the engine needs.'
            ) from None
        if not isinstance(told, dict) or "foundation" not in told:
            raise AnsibleParserError(
                f"{source}: {where} has no output `foundation`. Mend: `pulumi up -s {stack}`, or write the "
                f"file with `pulumi stack output --json --stack {stack}`."
            )
        return told

    def _asked(self, stack: str) -> str:
        project = self.get_option("project") or Path(str(components.__file__)).parent.parent
        command = ["pulumi", "stack", "output", "--json", "--non-interactive", "--stack", stack]
        done = subprocess.run(
            command, cwd=project, capture_output=True, text=True, check=True, timeout=_TIMEOUT
        )
        return done.stdout
