"""Whose a disk is: nothing but an empty one, or one of ours, may be touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.plugins import load

disks = load("plugins/filter/disks.py")
PHYSICAL = json.dumps({"report": [{"pv": [{"pv_name": "/dev/sda", "vg_name": "bastide"}]}]})
NOTHING: dict[str, Any] = dict.fromkeys(("fstype", "label", "pttype"))
EMPTY = {**NOTHING, "path": "/dev/sda", "mountpoints": [None]}


def states(disk: dict[str, Any] | None, physical: str = "") -> dict[str, str]:
    stdout = json.dumps({"blockdevices": [disk]}) if disk else ""
    result = {"item": "/dev/disk/by-id/a", "rc": 0 if disk else 32, "stdout": stdout}
    found: dict[str, str] = disks.disk_states({"results": [result]}, physical, "bastide", "bastide")
    return found


@pytest.mark.parametrize(
    ("change", "physical", "state"),
    [
        ({}, "", "empty"),
        ({}, PHYSICAL, "empty"),
        ({"fstype": "crypto_LUKS", "label": "bastide"}, "", "ours"),
        ({"fstype": "crypto_LUKS", "label": "bastide-unsealed"}, "", "empty"),
        ({"fstype": "crypto_LUKS", "label": None}, "", "foreign: holds crypto_LUKS"),
        ({"fstype": "crypto_LUKS", "label": "home"}, "", "foreign: holds crypto_LUKS with the label home"),
        ({"fstype": "LVM2_member"}, PHYSICAL, "ours"),
        ({"fstype": "LVM2_member"}, PHYSICAL.replace("bastide", "data"), "foreign: holds LVM2_member"),
        ({"fstype": "LVM2_member"}, "", "foreign: holds LVM2_member"),
        ({"fstype": "xfs", "label": "bastide"}, "", "foreign: holds xfs with the label bastide"),
        ({"pttype": "gpt"}, "", "foreign: has a partition table (gpt)"),
        ({"fstype": "ext4", "mountpoints": ["/srv"]}, "", "in use: mounted at /srv"),
        ({"children": [{"path": "/dev/md0"}]}, "", "in use: held by /dev/md0"),
        ({"pttype": "gpt", "children": [{"mountpoints": ["/", "/home"]}]}, "", "in use: mounted at /, /home"),
    ],
)
def test_state_of_a_disk(change: dict[str, Any], physical: str, state: str) -> None:
    assert states({**EMPTY, **change}, physical) == {"/dev/disk/by-id/a": state}


def test_missing_device_is_told() -> None:
    assert states(None) == {"/dev/disk/by-id/a": "absent: no such block device"}


def test_no_devices_no_states() -> None:
    assert disks.disk_states({"results": []}, "", "bastide", "bastide") == {}
