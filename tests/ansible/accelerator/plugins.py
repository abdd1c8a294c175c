"""Plugins of the collection as modules, and a simulated sysfs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ANSIBLE = Path(__file__).parents[3] / "ansible"


def plugin(name: str) -> ModuleType:
    """A plugin by its path below `ansible/plugins`, without `.py`."""
    path = ANSIBLE / "plugins" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bastide_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
