"""Test machines by hand.

    python -m tests.support.nodes [--lab NAME] up HOST...      boot machines (starts the lab where none runs)
    python -m tests.support.nodes [--lab NAME] run HOST CMD... run a command as root inside, without ssh
    python -m tests.support.nodes [--lab NAME] ssh HOST [CMD]  log in as the user that Ansible uses
    python -m tests.support.nodes [--lab NAME] inventory       an Ansible inventory of the lab's machines
    python -m tests.support.nodes [--lab NAME] reset HOST...   make machines as new
    python -m tests.support.nodes [--lab NAME] artifacts DIR   serve DIR at http://mirror/artifacts
    python -m tests.support.nodes [--lab NAME] bundle          make and serve what Kubernetes nodes install
    python -m tests.support.nodes list                         all labs and machines
    python -m tests.support.nodes [--lab NAME] down [HOST...]  remove machines, or the whole lab

The lab's name is BASTIDE_LAB, else `hand`. Two people (or two runs) take two names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support.nodes.inventory import inventory_of
from tests.support.nodes.kubernetes import make_bundle
from tests.support.nodes.lab import Lab, LabError
from tests.support.nodes.places import RUNTIME


def up(lab: Lab, names: list[str]) -> int:
    lab.ensure()
    for machine in lab.add(*names):
        print(f"{machine.name}: {machine.user}@{machine.address} {machine.fingerprint} key {machine.key}")
    return 0


def run(lab: Lab, words: list[str]) -> int:
    rest = words[2:] if words[1:2] == ["--"] else words[1:]
    command = [*lab.inside(words[0]), *(rest or ["bash", "-l"])]
    return subprocess.run(command, check=False).returncode


def ssh(lab: Lab, words: list[str]) -> int:
    machine = lab.machine(words[0])
    hidden = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    command = ["ssh", "-i", str(machine.key), *hidden, f"{machine.user}@{machine.address}", *words[1:]]
    return subprocess.run(command, check=False).returncode


def inventory(lab: Lab, words: list[str]) -> int:
    print(yaml.safe_dump(inventory_of(lab, *words), sort_keys=False), end="")
    return 0


def reset(lab: Lab, names: list[str]) -> int:
    for name in names:
        lab.machine(name).reset()
    return 0


def artifacts(lab: Lab, words: list[str]) -> int:
    print(json.dumps(lab.serve_artifacts(Path(words[0]))))
    return 0


def bundle(lab: Lab, words: list[str]) -> int:
    lab.ensure()
    return artifacts(lab, [str(make_bundle(lab.place.disk / "artifacts"))])


def show(lab: Lab, words: list[str]) -> int:
    for folder in sorted(RUNTIME.glob("[!.]*")):
        other = Lab(folder.name)
        if not other.running:
            print(f"{folder.name}: ended, cleared by the next start")
            continue
        told = other.order("describe")
        print(f"{told['name']}: {told['network']} key {told['key']} artifacts {told['artifacts']}")
        for name, facts in told["machines"].items():
            print(f"  {name}: {facts['user']}@{facts['address']} {'on' if facts['running'] else 'off'}")
    return 0


def down(lab: Lab, names: list[str]) -> int:
    if not lab.running:
        print(f"lab {lab.place.name} is not running")
    elif names:
        for name in set(names) & set(lab.order("describe")["machines"]):
            lab.remove(name)
    else:
        lab.end()
    return 0


VERBS = {
    **{"up": up, "run": run, "ssh": ssh, "inventory": inventory, "reset": reset},
    **{"bundle": bundle, "artifacts": artifacts, "list": show, "down": down},
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lab", default=os.environ.get("BASTIDE_LAB") or "hand")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    try:
        return VERBS[asked.verb](Lab(asked.lab), asked.words)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
