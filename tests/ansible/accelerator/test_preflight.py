"""Machines that are not what was declared are refused before any change, with what mends them.

The role's preflight runs for real, on this computer, over a simulated sysfs; it only reads.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.model.matrix import supported
from tests.ansible.accelerator.sysfs import pci_device
from tests.support.plugins import COLLECTION

PLAY = """
- hosts: gpu-7
  connection: local
  tasks:
    - ansible.builtin.include_role: {name: bastide.nodes.accelerator, tasks_from: preflight}
"""
SOFTWARE = {"driver": "580.173.02", "toolkit": "13.0"}


def preflight(folder: Path, *, series: str, device: str = "0x2330", there: int = 8) -> str:
    """What the preflight prints of a machine with so many devices, for a pool of eight H100."""
    for number in range(there):
        address = f"0000:{0x18 + number:02x}:00.0"
        pci_device(folder / "sys", address, vendor="0x10de", device=device, kind="0x030200")
    collections = folder / "collections/ansible_collections/bastide"
    collections.mkdir(parents=True)
    (collections / "nodes").symlink_to(COLLECTION)
    (folder / "play.yml").write_text(PLAY)
    row = supported("nvidia", "hopper", "nvidia-h100", SOFTWARE)
    variables: dict[str, Any] = {
        **{
            "accelerator_vendor": "nvidia",
            "accelerator_family": "hopper",
            "accelerator_model": "nvidia-h100",
        },
        **{
            "accelerator_count": 8,
            "accelerator_software": SOFTWARE,
            "accelerator_sysfs": str(folder / "sys"),
        },
        **{"accelerator_supported": {**row, "systems": {"debian-12": [series]}}},
        **{"accelerator_system": "debian-12", "ansible_python_interpreter": sys.executable},
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [program, "--check", "-i", "gpu-7,", "-e", json.dumps(variables), folder / "play.yml"]
    paths = {"ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        command, env={**os.environ, **paths}, capture_output=True, text=True, check=False, timeout=240
    )
    return done.stdout + done.stderr


@pytest.fixture
def series() -> str:
    return ".".join(platform.release().split(".")[:2])


def test_a_machine_as_declared_passes(tmp_path: Path, series: str) -> None:
    told = preflight(tmp_path, series=series)
    assert "failed=0" in told, told


def test_a_missing_device_is_told_with_host_number_and_mend(tmp_path: Path, series: str) -> None:
    told = preflight(tmp_path, series=series, there=7)
    assert "accelerator preflight: 1 of 5 checks failed" in told, told
    assert "gpu-7 has 7 of 8 nvidia-h100" in told
    assert "accelerators.count" in told


def test_another_model_and_kernel_are_told_together(tmp_path: Path) -> None:
    told = preflight(tmp_path, series="1.0", device="0x2331")
    assert "accelerator preflight: 3 of 5 checks failed" in told, told
    assert "0x2331" in told
    assert "Boot a kernel of the series 1.0" in told
