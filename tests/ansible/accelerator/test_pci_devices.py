"""PCI devices are told from sysfs."""

from __future__ import annotations

from pathlib import Path

from tests.ansible.accelerator.sysfs import pci_device
from tests.support.plugins import load

pci_devices = load("plugins/modules/pci_devices.py")


def test_devices_of_a_vendor_and_class(tmp_path: Path) -> None:
    gpu = {"vendor": "0x10de", "device": "0x2330", "kind": "0x030200"}
    pci_device(tmp_path, "0000:2a:00.0", **gpu)
    driven = pci_device(tmp_path, "0000:18:00.0", **gpu)
    (tmp_path / "bus/pci/drivers/nvidia").mkdir(parents=True)
    (driven / "driver").symlink_to(tmp_path / "bus/pci/drivers/nvidia")
    pci_device(tmp_path, "0000:07:00.0", vendor="0x10de", device="0x22a3", kind="0x068000")
    pci_device(tmp_path, "0000:03:00.0", vendor="0x15b3", device="0x1021", kind="0x020000")
    found = pci_devices.devices(tmp_path, "0x10de", ["0x0300", "0x0302"])
    assert [(each["address"], each["driver"]) for each in found] == [
        ("0000:18:00.0", "nvidia"),
        ("0000:2a:00.0", ""),
    ]
    assert len(pci_devices.devices(tmp_path, "", [])) == 4


def test_virtual_functions_interfaces_and_groups(tmp_path: Path) -> None:
    card = {"vendor": "0x15b3", "device": "0x1021", "kind": "0x020000"}
    parent = pci_device(tmp_path, "0000:03:00.0", functions=8, **card)
    (parent / "net/eth2").mkdir(parents=True)
    (tmp_path / "kernel/iommu_groups/12").mkdir(parents=True)
    (parent / "iommu_group").symlink_to(tmp_path / "kernel/iommu_groups/12")
    pci_device(tmp_path, "0000:03:00.2", physfn="0000:03:00.0", **card)
    physical, virtual = pci_devices.devices(tmp_path, "0x15b3", ["0x0200"])
    assert (physical["functions"], physical["interfaces"], physical["iommu_group"]) == (8, ["eth2"], "12")
    assert (physical["physical"], virtual["physical"]) == (True, False)


def test_a_machine_without_pci_has_none(tmp_path: Path) -> None:
    assert pci_devices.devices(tmp_path, "", []) == []


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "bus/pci/devices/0000:01:00.0").mkdir(parents=True)
    (found,) = pci_devices.devices(tmp_path, "", [])
    assert (found["vendor"], found["numa_node"], found["functions"]) == ("", -1, 0)
