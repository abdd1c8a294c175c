"""Who may come in is named; nobody lets everybody in."""

from __future__ import annotations

from collections.abc import Iterator

from policies.openstack import LISTENER, SECURITY_RULE, too_wide
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    if obj["kind"] == "Listener":
        yield from _listener(obj)
        return
    if obj.get("direction") == "egress" or obj.get("remoteGroupId") or obj.get("remoteAddressGroupId"):
        return
    remote = obj.get("remoteIpPrefix")
    if not remote:
        yield "remoteIpPrefix must say who may come in"
    elif too_wide(remote):
        yield f"remoteIpPrefix {remote} lets everybody in"


def _listener(obj: Object) -> Iterator[str]:
    allowed = obj.get("allowedCidrs")
    if not allowed:
        yield "allowedCidrs must say who may come in"
    elif known(allowed):
        yield from (f"allowedCidrs: {cidr} lets everybody in" for cidr in allowed if too_wide(cidr))


RULE = Rule(
    id="no-open-ingress",
    title="No security group and no load balancer lets everybody in",
    severity="critical",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SC-7",
        "MLPS-2.0:8.1.3.1",
        "MLPS-2.0:8.1.3.2",
    ),
    remediation="Name the ranges or the group that need it, each of prefix /8 (IPv6: /16) or longer.",
    kinds=(*SECURITY_RULE, *LISTENER),
    covers=("P1", "N9"),
    check=check,
)
