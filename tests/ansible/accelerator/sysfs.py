"""A simulated sysfs."""

from __future__ import annotations

from pathlib import Path


def pci_device(
    sysfs: Path, address: str, *, vendor: str, device: str, kind: str, functions: int = 0, physfn: str = ""
) -> Path:
    """Add a PCI device to a simulated sysfs; returns its folder."""
    folder = sysfs / "bus/pci/devices" / address
    folder.mkdir(parents=True)
    for name, value in {"vendor": vendor, "device": device, "class": kind, "numa_node": "0"}.items():
        (folder / name).write_text(f"{value}\n")
    if functions:
        (folder / "sriov_totalvfs").write_text(f"{functions}\n")
        (folder / "sriov_numvfs").write_text("0\n")
    if physfn:
        (folder / "physfn").symlink_to(folder.parent / physfn)
    return folder
