"""What a machine is made of is named by id: a wrong name would fail only in the middle of the update."""

from __future__ import annotations

from collections.abc import Iterator

from policies.openstack import INSTANCE
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    if not obj.get("flavorId"):
        yield "flavorId must be given"
    for key in ("flavorName", "imageName"):
        value = obj.get(key)
        if known(value) and value:
            yield f"{key} must not be set: a wrong one fails only in the middle of the update"


RULE = Rule(
    id="instances-by-id",
    title="Flavors and images of machines are looked up before the update",
    severity="low",
    controls=("NIST-800-53:CM-6", "NIST-800-53:CM-3"),
    remediation="Look the flavor and the image up by name in the program, and give their ids.",
    kinds=INSTANCE,
    check=check,
)
