"""Volumes are of a type that encrypts, and none goes with its machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.openstack import ENCRYPTED, INSTANCE, VOLUME, told
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    if obj["kind"] == "Volume":
        if not obj.get("volumeType"):
            yield "volumeType must name a type that encrypts"
        if told(obj).get(ENCRYPTED) != "true":
            yield f"metadata.{ENCRYPTED} must say true"
        return
    for index, disk in enumerate(obj.get("blockDevices") or ()):
        if known(disk) and disk.get("destinationType") != "local":
            yield from _disk(disk, f"blockDevices[{index}]")


def _disk(disk: Any, at: str) -> Iterator[str]:
    if disk.get("sourceType") != "volume":
        yield f"{at}: sourceType must be volume: Nova would make one of the cloud's default type"
    elif disk.get("deleteOnTermination") not in (None, False):
        yield f"{at}: deleteOnTermination must be false"


RULE = Rule(
    id="volumes-encrypted",
    title="Volumes are encrypted and outlive their machines",
    severity="high",
    controls=("NIST-800-53:SC-28", "MLPS-2.0:8.1.4.8"),
    remediation="Make a volume of one of the site's encryptedVolumeTypes and attach it, or boot from it.",
    kinds=(*VOLUME, *INSTANCE),
    covers=("P1", "N9"),
    check=check,
)
