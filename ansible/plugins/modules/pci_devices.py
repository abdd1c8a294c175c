#!/usr/bin/python
"""Tell the PCI devices of a machine, as sysfs shows them."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: pci_devices
short_description: Tell the PCI devices of a machine
description: Reads C(bus/pci/devices) of a sysfs. Never changes anything, and runs in check mode.
author: [The Bastide authors]
options:
  sysfs:
    description: Where sysfs is; a simulated tree in tests.
    type: path
    default: /sys
  vendor:
    description: Vendor id that devices have, like C(0x10de). Empty for all.
    type: str
    default: ""
  classes:
    description: Class ids that devices have one of, as prefixes, like C(0x0302). Empty for all.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Find the GPUs
  bastide.nodes.pci_devices:
    vendor: "0x10de"
    classes: ["0x0300", "0x0302"]
  register: accelerator_devices
"""

RETURN = r"""
devices:
  description: The devices, by address.
  returned: always
  type: list
  elements: dict
  contains:
    address: {description: Address on the bus., type: str}
    vendor: {description: Vendor id., type: str}
    device: {description: Device id., type: str}
    class: {description: Class id., type: str}
    driver: {description: Driver that is bound to it; empty for none., type: str}
    numa_node: {description: Memory node that it is near to; -1 where not known., type: int}
    iommu_group: {description: Group of the IOMMU; empty for none., type: str}
    functions: {description: Virtual functions that it can have; 0 for none., type: int}
    interfaces: {description: Network interfaces that it drives., type: list}
    physical: {description: Whether it is no virtual function., type: bool}
"""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path, other: int) -> int:
    try:
        return int(_read(path))
    except ValueError:
        return other


def _link(path: Path) -> str:
    return path.resolve().name if path.is_symlink() else ""


def _names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir()) if path.is_dir() else []


def device(folder: Path) -> dict[str, object]:
    """One device, from its folder in sysfs. What cannot be read is empty."""
    return {
        "address": folder.name,
        "vendor": _read(folder / "vendor"),
        "device": _read(folder / "device"),
        "class": _read(folder / "class"),
        "driver": _link(folder / "driver"),
        "numa_node": _number(folder / "numa_node", -1),
        "iommu_group": _link(folder / "iommu_group"),
        "functions": _number(folder / "sriov_totalvfs", 0),
        "interfaces": _names(folder / "net"),
        "physical": not (folder / "physfn").exists(),
    }


def devices(sysfs: Path, vendor: str, classes: list[str]) -> list[dict[str, object]]:
    """The devices of a vendor and of any of the classes; all where these are empty. By address."""
    root = sysfs / "bus/pci/devices"
    found = [device(each) for each in sorted(root.iterdir())] if root.is_dir() else []
    return [
        each
        for each in found
        if vendor in ("", each["vendor"])
        and (not classes or any(str(each["class"]).startswith(one) for one in classes))
    ]


def main() -> None:
    """What Ansible runs on the host."""

    module = AnsibleModule(
        argument_spec={
            "sysfs": {"type": "path", "default": "/sys"},
            "vendor": {"type": "str", "default": ""},
            "classes": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    found = devices(Path(module.params["sysfs"]), module.params["vendor"], module.params["classes"])
    module.exit_json(changed=False, devices=found)


if __name__ == "__main__":
    main()
