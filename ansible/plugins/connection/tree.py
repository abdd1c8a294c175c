"""Ansible connection plug-in: work in a root file system that is a folder, such as that of a node image."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: tree
short_description: Work in a root file system that is a folder
description:
  - Each command runs inside of the folder, entered in the way that is given. It is no running system.
options:
  tree:
    description: The folder.
    type: path
    vars: [{name: ansible_host}]
    required: true
  enter:
    description: Words of the command that enters a tree; the folder, C(--) and the command in it follow.
    type: list
    elements: str
    vars: [{name: ansible_tree_enter}]
    required: true
author: The Bastide authors (@bastide-dev)
"""


class Connection(ConnectionBase):
    """A root file system as a host."""

    transport = "bastide.nodes.tree"
    has_pipelining = True

    def _connect(self):
        tree = Path(self.get_option("tree"))
        if not (tree / "bin" / "sh").exists():
            raise AnsibleConnectionFailure(f"{tree} is no root file system: it has no /bin/sh")
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Run a shell line in the tree: its exit status, output and errors."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        done = subprocess.run(self._inside(cmd), input=in_data or b"", capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        """Copy a file into the tree."""
        super().put_file(in_path, out_path)
        with Path(in_path).open("rb") as file:
            self._copy(f"cat > {shlex.quote(out_path)}", stdin=file)

    def fetch_file(self, in_path, out_path):
        """Copy a file out of the tree."""
        super().fetch_file(in_path, out_path)
        with Path(out_path).open("wb") as file:
            self._copy(f"cat {shlex.quote(in_path)}", stdin=subprocess.DEVNULL, stdout=file)

    def close(self):
        """Nothing is kept open."""
        self._connected = False

    def _inside(self, line):
        return [*self.get_option("enter"), self.get_option("tree"), "--", "/bin/sh", "-c", line]

    def _copy(self, line, **streams):
        done = subprocess.run(self._inside(line), stderr=subprocess.PIPE, check=False, **streams)
        if done.returncode != 0:
            raise AnsibleConnectionFailure(f"{line}: {done.stderr.decode(errors='replace')}")
