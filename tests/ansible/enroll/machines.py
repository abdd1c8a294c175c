"""Machines as an operator writes them, and the run of enroll.yml on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.ansible.running import COLLECTION, Ran, run

SECRET = "s3cr3t+pw/x=?"


def entry(name: str, mac: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "driver": "fake-hardware",
        "address": "https://127.0.0.1:1",
        "username": "admin",
        "password_env": "BMC_PASSWORD",
        "macs": [mac],
        "resource_class": "baremetal.h100",
        "traits": ["CUSTOM_HOPPER"],
        "properties": {"cpus": 64, "cpu_arch": "x86_64"},
        **more,
    }


def enroll(root: Path, api: str, entries: list[dict[str, Any]], *options: str, **variables: Any) -> Ran:
    linked = root / "ansible_collections/bastide/nodes"
    if not linked.exists():
        linked.parent.mkdir(parents=True)
        linked.symlink_to(COLLECTION)
    (root / "machines.yaml").write_text(yaml.safe_dump({"nodes": entries}))
    (root / "hosts.yaml").write_text("all: {}\n")
    told = {"bastide_enroll_nodes": str(root / "machines.yaml"), "bastide_enroll_endpoint": api, **variables}
    arguments = ["--extra-vars", json.dumps(told), *options]
    book = COLLECTION / "playbooks/enroll.yml"
    return run(root, book, root / "hosts.yaml", *arguments, env={"BMC_PASSWORD": SECRET})
