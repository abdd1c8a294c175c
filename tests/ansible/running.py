"""Runs ansible-playbook with the collection and the callback that tells faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.plugins import COLLECTION

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}


@dataclass(frozen=True)
class Ran:
    """What a run of a playbook left: its exit status, what it printed and the faults that it told."""

    status: int
    output: str
    faults: list[dict[str, Any]]


def run(
    root: Path,
    book: Path,
    inventory: Path,
    *options: str,
    env: dict[str, str] | None = None,
    timeout: float = 240,
) -> Ran:
    """Runs the playbook `book`; below `root` stand the collections, and what the run leaves."""
    report = root / "faults.json"
    report.unlink(missing_ok=True)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(root),
        "ANSIBLE_COLLECTIONS_PATH": str(root),
        "ANSIBLE_CALLBACKS_ENABLED": "bastide.nodes.faults",
        "ANSIBLE_LOCAL_TEMP": str(root / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_PIPELINING": "1",
        "BASTIDE_FAULTS_REPORT": str(report),
        **(env or {}),
    }
    command = ["ansible-playbook", "-i", str(inventory), str(book), *options]
    with tempfile.TemporaryDirectory(prefix="cp-") as sockets:  # their paths must be short
        environment = {"ANSIBLE_SSH_CONTROL_PATH_DIR": sockets, **environment}
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    faults = json.loads(report.read_text())["faults"] if report.exists() else []
    return Ran(ran.returncode, ran.stdout + ran.stderr, faults)


def run_tasks(
    root: Path,
    tasks: list[dict[str, Any]],
    inventory: dict[str, Any] | None = None,
    *options: str,
    **more: Any,
) -> Ran:
    """Runs tasks on all hosts of the inventory; without one, on this machine as host `h1`."""
    linked = root / "ansible_collections/bastide/nodes"
    if not linked.exists():
        linked.parent.mkdir(parents=True)
        linked.symlink_to(COLLECTION)
    hosts = inventory or {"all": {"hosts": {"h1": LOCAL}}}
    (root / "hosts.yaml").write_text(yaml.safe_dump(hosts))
    play = {"name": "Fault", "hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": tasks}
    (root / "book.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    return run(root, root / "book.yml", root / "hosts.yaml", *options, **more)
