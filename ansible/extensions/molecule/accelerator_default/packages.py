"""Make a repository of stand-in packages of an accelerator's vendor, and a simulated sysfs with its devices.

Runs on the test machine: `packages.py REPOSITORY SYSFS VENDOR DEVICE COUNT NAME=VERSION...`. The packages are
empty but for a unit where the role enables one: what is tested is which versions apt takes, not what they do.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

UNITS = {
    "nvidia-persistenced": ["nvidia-persistenced.service"],
    "nvidia-fabricmanager": ["nvidia-fabricmanager.service"],
    "nvidia-fabricmanager-580": ["nvidia-fabricmanager.service"],
    "nvidia-container-toolkit": ["nvidia-cdi-refresh.service", "nvidia-cdi-refresh.path"],
}
SERVICE = "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
PATH = "[Path]\nPathChanged=/usr/bin/nvidia-ctk\n[Install]\nWantedBy=multi-user.target\n"


def package(repository: Path, name: str, version: str) -> str:
    """Build one package; returns its entry in the index."""
    tree = repository / "build" / f"{name}_{version}"
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.org>\n"
        f"Description: Stand-in of {name}\n"
    )
    (tree / "DEBIAN/control").write_text(control)
    for unit in UNITS.get(name, []):
        path = tree / "lib/systemd/system" / unit
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PATH if unit.endswith(".path") else SERVICE)
    file = repository / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, file], check=True)
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f"{control}Filename: ./{file.name}\nSize: {len(content)}\nSHA256: {digest}\n"


def devices(sysfs: Path, vendor: str, device: str, count: int) -> None:
    """Lay out the devices as sysfs would show them."""
    for number in range(count):
        folder = sysfs / f"bus/pci/devices/0000:{0x18 + number:02x}:00.0"
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in {"vendor": vendor, "device": device, "class": "0x120000"}.items():
            (folder / name).write_text(f"{value}\n")


def main() -> None:
    """Make both."""
    repository, sysfs, vendor, device, count, *packages = sys.argv[1:]
    Path(repository).mkdir(parents=True, exist_ok=True)
    entries = [package(Path(repository), *each.split("=")) for each in packages]
    index = "\n".join(entries)
    (Path(repository) / "Packages").write_text(index)
    digest = hashlib.sha256(index.encode()).hexdigest()
    release = f"Suite: ./\nDate: Sat, 21 Nov 2026 12:00:00 UTC\nSHA256:\n {digest} {len(index)} Packages\n"
    (Path(repository) / "Release").write_text(release)
    devices(Path(sysfs), vendor, device, int(count))


if __name__ == "__main__":
    main()
