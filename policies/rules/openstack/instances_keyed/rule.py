"""One logs in to a machine by a key, and no secret is in what it is started with."""

from __future__ import annotations

from collections.abc import Iterator

from policies.openstack import INSTANCE
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    if not obj.get("keyPair"):
        yield "keyPair must be given"
    for key in ("adminPass", "userData", "personalities"):
        value = obj.get(key)
        if known(value) and value:
            yield f"{key} must not be set: whoever reads the metadata service or the state reads it"


RULE = Rule(
    id="instances-keyed",
    title="Machines are reached by a key and started without secrets",
    severity="high",
    controls=("NIST-800-53:IA-2", "NIST-800-53:IA-5", "MLPS-2.0:8.1.4.1"),
    remediation="Give it a keyPair; what it is made into is the work of the node roles.",
    kinds=INSTANCE,
    covers=("P1", "N9"),
    check=check,
)
