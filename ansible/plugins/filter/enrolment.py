"""From what an operator writes of a machine to what Ironic is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = """
name: enrolment
short_description: Translate a machine's entry for Ironic
description: >-
  Gives C(controller) (its driver_info), C(machine_properties) (its properties) and C(twice) (names and
  addresses that more than one machine has).
"""

_CONTROLLER = {
    "address": "redfish_address",
    "username": "redfish_username",
    "system": "redfish_system_id",
    "verify_ca": "redfish_verify_ca",
}


def controller(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The driver_info of a machine, without its password."""
    return {told: entry[key] for key, told in _CONTROLLER.items() if entry.get(key) is not None}


def machine_properties(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a machine; it boots by UEFI and signed software only, unless it says otherwise."""
    secure = str(entry.get("secure_boot", True)).lower()
    capabilities = {"boot_mode": "uefi", "secure_boot": secure, **(entry.get("capabilities") or {})}
    text = ",".join(f"{key}:{value}" for key, value in sorted(capabilities.items()))
    return {**(entry.get("properties") or {}), "capabilities": text}


def twice(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names and addresses that occur more than once, whatever the case of their letters."""
    told = Counter(
        text.lower() for entry in entries for text in (str(entry["name"]), *map(str, entry.get("macs") or []))
    )
    return sorted(text for text, count in told.items() if count > 1)


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"controller": controller, "machine_properties": machine_properties, "twice": twice}
