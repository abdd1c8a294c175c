"""A stage for the playbooks: the real playbooks and plugins over stub roles, on hosts that are this machine.

A stub role writes a file per host, fails where the test put a `fail` file, and loses the connection where it
put a `lost` file. So order, stops and resumes are seen without machines.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.ansible.running import COLLECTION, Ran, run

_STUB = """
- name: Lose the connection
  ansible.builtin.set_fact:
    ansible_connection: ssh
    ansible_host: 127.0.0.1
    ansible_port: 1
  when: ("{stage}/lost.{phase}." ~ inventory_hostname ~ ".{role}") is exists
- name: Do the step
  ansible.builtin.command:
    argv:
      - sh
      - -c
      - echo "$1" >> {stage}/log && test ! -e {stage}/fail.{phase}.{{{{ inventory_hostname }}}}.{role}
      - stub
      - "{phase} {{{{ inventory_hostname }}}} {role}"
  changed_when: false
"""
KEPT = ("base", "accelerator", "runtime")  # enough to see order; each further role takes seconds
ROLES = [
    role
    for role in yaml.safe_load((COLLECTION / "playbooks/vars/roles.yml").read_text())["bastide_roles"]
    if role["name"] in KEPT
]


@dataclass
class Stage:
    """One fleet; `hosts` maps a host to its groups, `extra` are further variables of all hosts."""

    root: Path
    hosts: dict[str, list[str]]
    extra: dict[str, Any] = field(default_factory=dict)
    real_roles: tuple[str, ...] = ()
    only: dict[str, dict[str, Any]] = field(default_factory=dict)  # variables of single hosts

    def __post_init__(self) -> None:
        nodes = self.root / "ansible_collections/bastide/nodes"
        nodes.mkdir(parents=True)
        for part in ("playbooks", "plugins", "meta"):
            shutil.copytree(COLLECTION / part, nodes / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(COLLECTION / "galaxy.yml", nodes)
        (nodes / "playbooks/vars/roles.yml").write_text(yaml.safe_dump({"bastide_roles": ROLES}))
        for role in ROLES:
            self._stub(nodes / "roles" / role["name"], role["name"])
        for role in self.real_roles:
            shutil.copytree(COLLECTION / "roles" / role, nodes / "roles" / role)

    def stub(self, role: str, *phases: str) -> None:
        """Puts stubs in the place of entry points that would change this machine or are not at hand."""
        folder = self.root / f"ansible_collections/bastide/nodes/roles/{role}/tasks"
        folder.mkdir(parents=True, exist_ok=True)
        for phase in phases:
            (folder / f"{phase}.yml").write_text(_STUB.format(stage=self.root, phase=phase, role=role))

    def _stub(self, folder: Path, role: str) -> None:
        self.stub(role, "preflight", "main", "validate")
        (folder / "meta").mkdir()
        options = {f"{role}_number": {"type": "int", "description": "A number.", "required": False}}
        spec = {"argument_specs": {"main": {"options": options}}}
        (folder / "meta/argument_specs.yml").write_text(yaml.safe_dump(spec))

    def inventory(self) -> Path:
        groups: dict[str, Any] = {}
        for host, names in self.hosts.items():
            for name in names:
                groups.setdefault(name, {"hosts": {}})["hosts"][host] = None
        common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_ssh_common_args": "-o BatchMode=yes -o ConnectTimeout=2",
            "bastide_host_key": "ssh-ed25519 AAAA",
            "ansible_become": False,
            "bastide_environment": "stage",
        }
        content = {
            "all": {
                "vars": {**common, **self.extra},
                "hosts": {host: self.only.get(host) for host in self.hosts},
                "children": groups,
            }
        }
        path = self.root / "hosts.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def play(self, name: str, *options: str, env: dict[str, str] | None = None) -> Ran:
        """Runs the playbook `name` with further options of ansible-playbook."""
        book = self.root / f"ansible_collections/bastide/nodes/playbooks/{name}.yml"
        return run(self.root, book, self.inventory(), *options, env=env)

    def log(self) -> list[str]:
        """What the roles did, in order: `phase host role`."""
        path = self.root / "log"
        return path.read_text().splitlines() if path.exists() else []

    def upset(self, kind: str, phase: str, host: str, role: str) -> Path:
        """Makes a role fail (`fail`) or lose the connection (`lost`) on a host; delete the file to mend."""
        path = self.root / f"{kind}.{phase}.{host}.{role}"
        path.touch()
        return path
