"""Every port has security groups of its own, and they count."""

from __future__ import annotations

from collections.abc import Iterator

from policies.openstack import PORT, too_wide
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    if not obj.get("securityGroupIds"):
        yield "securityGroupIds must name a group: without one, the port is in the project's default group"
    if obj.get("noSecurityGroups") not in (None, False):
        yield "noSecurityGroups must not be set"
    if obj.get("portSecurityEnabled") not in (None, True):
        yield "portSecurityEnabled must not be false: groups would not count"
    for index, pair in enumerate(obj.get("allowedAddressPairs") or ()):
        if known(pair) and too_wide(pair.get("ipAddress")):
            yield f"allowedAddressPairs[{index}] lets it speak for everybody"


RULE = Rule(
    id="ports-guarded",
    title="Ports have security groups of their own, never the default one",
    severity="high",
    controls=("NIST-800-53:SC-7", "NIST-800-53:AC-4", "MLPS-2.0:8.1.3.1"),
    remediation="Give the port the groups of its zone of trust, and leave port security on.",
    kinds=PORT,
    covers=("P1", "N9"),
    check=check,
)
