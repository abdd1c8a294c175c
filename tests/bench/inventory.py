"""The inventory of many machines: our plugin beside Ansible's own YAML plugin on the same machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cli.nodes.ansible import COLLECTION, link
from components.nodes.values.inventory import inventory as made
from components.upstream import catalog
from tests.bench.benches import Place
from tests.bench.measure import Figure, timed
from tests.support.fleet import many, write

HOSTS = 10_000
PROGRAM = Path(sys.executable).with_name("ansible-inventory")


def inventory(place: Place) -> Figure:
    figure = Figure(
        name="inventory",
        what=f"`ansible-inventory --list --export` of {HOSTS} machines from the foundation's outputs",
        peer_is="Ansible's YAML plugin on a file with the same groups, machines and variables",
    )
    source = write(many(HOSTS), place.folder / "fleet")
    plain = written(place.folder / "plain.yaml")
    env = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(link(place.folder / "collections")),
        "ANSIBLE_HOME": str(place.folder / "ansible"),
    }
    ours = {**env, "ANSIBLE_CONFIG": str(COLLECTION / "ansible.cfg")}
    (place.folder / "plain.cfg").write_text("[inventory]\nenable_plugins = yaml\n")
    peer = {**env, "ANSIBLE_CONFIG": str(place.folder / "plain.cfg")}
    return figure.take(
        lambda: timed([PROGRAM, "--list", "--export", "-i", source], ours),
        lambda: timed([PROGRAM, "--list", "--export", "-i", plain], peer),
    )


def written(path: Path) -> Path:
    """The same inventory as a plain YAML file."""
    built = made(many(HOSTS), catalog.programs(), "/pin.sh")
    groups: dict[str, Any] = {
        name: {"hosts": dict.fromkeys(hosts), "vars": _plain(built.of_groups.get(name, {}))}
        for name, hosts in built.groups.items()
    }
    content = {"all": {"hosts": _plain(built.of_hosts), "vars": _plain(built.common), "children": groups}}
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))
    return path


def _plain(value: Mapping[str, Any]) -> Any:
    """The same values, none shared: a plain file has no anchors."""
    return json.loads(json.dumps(value))


ALL = [inventory]
