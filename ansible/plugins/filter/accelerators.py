"""What the tools of accelerators print, as values: nvidia-smi, npu-smi, amd-smi."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping

DOCUMENTATION = """
name: accelerators
short_description: Read what the tools of accelerators print
description: >-
  Gives C(nvidia_devices), C(npu_devices), C(amd_devices): lists of devices with their index, name and driver.
"""

_NPU_CARD = re.compile(r"\|\s*(?P<npu>\d+)\s+(?P<name>[A-Za-z0-9._-]+)\s*\|\s*(?P<health>[A-Za-z]+)\s*\|")
_NPU_CHIP = re.compile(r"\|\s*(?P<chip>\d+)(\s+\d+)?\s*\|\s*(?P<bus>[0-9A-Fa-f]{4}:[0-9A-Fa-f:.]+)\s*\|")
_NPU_DRIVER = re.compile(r"npu-smi\s+\S+\s+Version:\s*(\S+)")

NVIDIA_QUERY = "index,name,driver_version,persistence_mode,mig.mode.current,pci.bus_id"
"""What `nvidia-smi --query-gpu` is asked for, with `--format=csv,noheader`."""


class UnreadableError(ValueError):
    """A tool printed what is not known here."""


def nvidia_devices(text: str) -> list[dict[str, str]]:
    """From `nvidia-smi --query-gpu=<NVIDIA_QUERY> --format=csv,noheader`.

    Raises `UnreadableError` where a line has other fields: `No devices were found`, a failed driver.
    """
    keys = ("index", "name", "driver", "persistence", "mig", "bus")
    found = []
    for line in csv.reader(io.StringIO(text.strip()), skipinitialspace=True):
        if len(line) != len(keys):
            raise UnreadableError(f"nvidia-smi printed {', '.join(line)!r}, which tells of no device")
        found.append(dict(zip(keys, (each.strip() for each in line), strict=True)))
    return found


def npu_devices(text: str) -> list[dict[str, str]]:
    """From `npu-smi info`: a card may have several chips, each is a device.

    Raises `UnreadableError` where the table has no head with the version.
    """
    head = _NPU_DRIVER.search(text)
    if head is None:
        raise UnreadableError(f"npu-smi printed {text.strip()[:80]!r}, which has no version")
    found: list[dict[str, str]] = []
    card: Mapping[str, str] = {}
    for line in text.splitlines():
        chip = _NPU_CHIP.match(line)
        if chip and card:
            found.append(
                {
                    "index": f"{card['npu']}.{chip['chip']}",
                    "name": card["name"],
                    "driver": head[1],
                    "health": card["health"],
                    "bus": chip["bus"].lower(),
                }
            )
        elif not chip:
            own = _NPU_CARD.match(line)
            card = own.groupdict() if own else card
    return found


def amd_devices(text: str) -> list[dict[str, str]]:
    """From `amd-smi static --asic --driver --bus --json`: a list, or an object with it under `gpu_data`.

    Raises `UnreadableError` where it is no such JSON.
    """
    try:
        loaded = json.loads(text)
        rows = loaded["gpu_data"] if isinstance(loaded, dict) else loaded
        return [
            {
                "index": str(row["gpu"]),
                "name": str(row["asic"]["market_name"]),
                "driver": str(row["driver"]["version"]),
                "bus": str(row["bus"]["bdf"]).lower(),
            }
            for row in rows
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(
            f"amd-smi printed {text.strip()[:80]!r}, which tells of no device: {error}"
        ) from error


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[[str], list[dict[str, str]]]]:
        return {"nvidia_devices": nvidia_devices, "npu_devices": npu_devices, "amd_devices": amd_devices}
