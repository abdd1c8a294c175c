"""A lab's machines as an Ansible inventory, with the variables that the real inventory gives to all hosts."""

from __future__ import annotations

from typing import Any

from components.upstream import catalog
from tests.support.nodes.lab import Lab


def inventory_of(lab: Lab, *names: str) -> dict[str, Any]:
    """The machines of the lab (all, or `names`) with what Ansible needs to log in to each."""
    told = lab.order("describe")
    hosts = {}
    for name, facts in told["machines"].items():
        if names and name not in names:
            continue
        known = lab.place.run / f"{name}.known"
        known.write_text(f"{facts['address']} {facts['host_key']}\n")
        hosts[name] = {
            "ansible_host": facts["address"],
            "ansible_user": facts["user"],
            "ansible_ssh_private_key_file": told["key"],
            "ansible_ssh_common_args": f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known}",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
    return {"all": {"hosts": hosts, "vars": variables(lab)}}


def variables(lab: Lab) -> dict[str, Any]:
    """What holds on all machines: pinned versions, the lab's mirror, and that there is no hardware."""
    return {
        "ansible_become": True,
        "bastide_environment": "lab",
        "bastide_hardware": False,
        "bastide_artifacts": lab.artifacts
        or {"url": "http://mirror/artifacts", "digest": "sha256:" + "0" * 64},
        "runtime_pause_image": catalog.image("pause"),
        **catalog.programs(),
    }
