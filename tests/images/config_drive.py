"""A config drive as OpenStack's Nova attaches one: what a machine becomes at its first boot.

Source: https://docs.openstack.org/nova/latest/admin/config-drive.html
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

MAC = "52:54:00:12:34:56"
"""QEMU's first interface."""


def write(image: Path, *, hostname: str, key: str, user_data: str) -> Path:
    """A FAT disk with the label that cloud-init looks for."""
    files: dict[str, Any] = {
        "meta_data.json": {
            "uuid": "f8c7a6ee-9b4a-4d6f-9f0e-2f0a5b2a9c11",
            "hostname": hostname,
            "name": hostname,
            "public_keys": {"operator": key},
        },
        "network_data.json": {
            "links": [{"id": "link0", "type": "phy", "ethernet_mac_address": MAC, "mtu": 1500}],
            "networks": [{"id": "network0", "type": "ipv4_dhcp", "link": "link0", "network_id": "network0"}],
            "services": [],
        },
        "user_data": user_data,
    }
    top = image.with_suffix("") / "openstack"
    (top / "latest").mkdir(parents=True)
    for name, content in files.items():
        (top / "latest" / name).write_text(content if isinstance(content, str) else json.dumps(content))
    image.write_bytes(bytes(8 << 20))
    for command in (
        ["mformat", "-i", image, "-v", "config-2", "::"],
        ["mcopy", "-s", "-i", image, top, "::"],
    ):
        subprocess.run([str(word) for word in command], check=True)
    return image
