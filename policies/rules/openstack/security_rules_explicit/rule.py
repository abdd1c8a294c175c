"""Security rules say their protocol as OpenStack stores it, else each preview finds a difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.openstack import SECURITY_RULE
from policies.rule import Object, Rule
from policies.unknown import known


def check(obj: Object) -> Iterator[str]:
    protocol = obj.get("protocol")
    if not protocol:
        yield "protocol must be given"
    elif known(protocol):
        yield from _written(str(protocol), obj.get("ethertype"))


def _written(protocol: str, ethertype: Any) -> Iterator[str]:
    if protocol != protocol.lower():
        yield f"protocol {protocol} must be in lower case"
    elif protocol in ("icmp", "icmpv6") and known(ethertype) and ethertype == "IPv6":
        yield f"protocol {protocol} of IPv6 must be written ipv6-icmp"


RULE = Rule(
    id="security-rules-explicit",
    title="Every rule of a security group says its protocol as OpenStack stores it",
    severity="medium",
    controls=("NIST-800-53:SC-7", "NIST-800-53:CM-6", "MLPS-2.0:8.1.3.2"),
    remediation="Write tcp, udp, icmp (IPv4) or ipv6-icmp (IPv6).",
    kinds=SECURITY_RULE,
    check=check,
)
