"""Roles that are applied to a virtual machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.ansible.running import Ran, run_tasks
from tests.support.nodes import qemu

REPORTS = "/var/lib/bastide/reports"
UNCHANGED = "changed=0 "


class Machine:
    """A guest, and the roles that are applied to it."""

    def __init__(self, guest: qemu.Guest, root: Path) -> None:
        self.guest, self.root = guest, root
        guest.run("mkdir", "--parents", "/var/lib/apt/periodic")

    def apply(self, role: str, variables: dict[str, Any], *options: str, tasks: str = "main") -> Ran:
        """Apply a role; the package lists count as fresh, because the packages are there and no mirror is."""
        self.guest.run("touch", "/var/lib/apt/periodic/update-success-stamp")
        include = {"name": f"bastide.nodes.{role}", "tasks_from": tasks}
        steps = [
            {
                "name": "Gather facts",
                "ansible.builtin.setup": {"gather_subset": ["!all", "distribution", "kernel"]},
            },
            {"name": "Apply", "ansible.builtin.include_role": include, "vars": variables},
        ]
        inventory = {"all": {"hosts": {"guest": self.guest.host()}}}
        return run_tasks(self.root, steps, inventory, *options, timeout=1200)

    def must(self, role: str, variables: dict[str, Any], *options: str, tasks: str = "main") -> str:
        ran = self.apply(role, variables, *options, tasks=tasks)
        assert ran.status == 0, ran.output[-4000:]
        return ran.output

    def refused(self, role: str, variables: dict[str, Any], tasks: str = "main") -> str:
        ran = self.apply(role, variables, tasks=tasks)
        assert ran.status != 0
        assert UNCHANGED in ran.output, ran.output[-4000:]
        return ran.output

    def report(self, name: str) -> Any:
        return json.loads(self.guest.run("cat", f"{REPORTS}/{name}.json").stdout)
