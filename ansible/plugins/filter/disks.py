"""Tells whose a disk is, from what lsblk and pvs print: the one rule by which roles fill or wipe a device."""

from __future__ import annotations

import json
from typing import Any

DOCUMENTATION = """
name: disks
short_description: Tell whose a disk is
description: Gives C(disk_states) (of each device whether it is empty, ours, or why it is neither).
"""


def disk_states(listed: dict[str, Any], physical: str, label: str, group: str) -> dict[str, str]:
    """Map each device of the registered loop `listed` to empty, ours or the reason why it is neither."""
    rows = json.loads(physical)["report"][0]["pv"] if physical.strip() else []
    groups = {row["pv_name"]: row["vg_name"] for row in rows}
    return {
        result["item"]: _state(_parse(result), groups, label, group) for result in listed.get("results", [])
    }


def _parse(result: dict[str, Any]) -> dict[str, Any] | None:
    if result.get("rc") != 0 or not result.get("stdout", "").strip():
        return None
    found: dict[str, Any] = json.loads(result["stdout"])["blockdevices"][0]
    return found


def _state(disk: dict[str, Any] | None, groups: dict[str, str], label: str, group: str) -> str:
    if disk is None:
        return "absent: no such block device"
    luks = disk["fstype"] == "crypto_LUKS" and disk["label"] == label
    volume = disk["fstype"] == "LVM2_member" and groups.get(disk["path"]) == group
    if disk["fstype"] == "crypto_LUKS" and disk["label"] == f"{label}-unsealed":
        return "empty"  # sealing it was interrupted; its only key is destroyed
    return "ours" if luks or volume else _others(disk)


def _others(disk: dict[str, Any]) -> str:
    mounts = [mount for mount in _mounts(disk) if mount]
    if mounts:
        return f"in use: mounted at {', '.join(mounts)}"
    if disk["fstype"]:
        return f"foreign: holds {disk['fstype']}{_named(disk['label'])}"
    if disk["pttype"]:
        return f"foreign: has a partition table ({disk['pttype']})"
    return f"in use: held by {disk['children'][0]['path']}" if disk.get("children") else "empty"


def _named(label: str | None) -> str:
    return f" with the label {label}" if label else ""


def _mounts(disk: dict[str, Any]) -> list[str]:
    below = [mount for child in disk.get("children", []) for mount in _mounts(child)]
    return [*(disk.get("mountpoints") or []), *below]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """The filters of this file by name."""
        return {"disk_states": disk_states}
