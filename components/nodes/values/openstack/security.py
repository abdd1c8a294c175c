"""Security groups: one for each zone of trust, which is a network's role, and one for the control plane.

Neutron's own rules are deleted as a group is made, so what is written here is all that holds. The nftables
zones of the role `base` stand behind them, host by host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, TypeAlias

from components.model import Hosts, Network
from components.nodes.values.openstack.site import Cloud, Machine
from components.openstack import Ref, Wanted

Cidr: TypeAlias = IPv4Network | IPv6Network
CONTROL_PLANE: Final = "control-plane"
_SSH: Final = 22
_ALL_PORTS: Final = (1, 65535)


@dataclass(frozen=True, kw_only=True, order=True)
class Rule:
    """One rule of a group: `remote` is a range; none is everywhere.

    Equal rules are one: Neutron takes each once. IPv6's ICMP is written `ipv6-icmp`, as OpenStack stores it:
    `icmp` would be another rule at each preview.
    """

    direction: str
    version: int
    protocol: str
    ports: tuple[int, int] | None = None
    remote: str = ""

    @property
    def slug(self) -> str:
        ports = "-".join(map(str, dict.fromkeys(self.ports))) if self.ports else ""
        return "/".join(
            part
            for part in (self.direction, f"ipv{self.version}", self.protocol, ports, self.remote or "any")
            if part
        )

    def inputs(self, group: Ref) -> dict[str, Any]:
        """As the SDK takes it."""
        given: dict[str, Any] = {
            "security_group_id": group,
            "direction": self.direction,
            "ethertype": f"IPv{self.version}",
            "protocol": self.protocol,
        }
        if self.ports:
            given |= {"port_range_min": self.ports[0], "port_range_max": self.ports[1]}
        return given | ({"remote_ip_prefix": self.remote} if self.remote else {})


def groups(cloud: Cloud) -> Iterator[Wanted]:
    """The groups of a site with their rules."""
    for role in dict.fromkeys(network.role for network in cloud.networks):
        yield from _group(cloud, role, zone_rules(cloud, role))
    if any(pool.control_plane for pool in cloud.pools):
        yield from _group(cloud, CONTROL_PLANE, control_plane_rules(cloud))


def of_port(cloud: Cloud, machine: Machine, network: Network) -> list[Ref]:
    """The groups of a machine's port in a network."""
    names: list[str] = [network.role]
    if machine.pool.control_plane and network.id == machine.pool.network:
        names.append(CONTROL_PLANE)
    return [Ref(key=cloud.key("group", name)) for name in names]


def zone_rules(cloud: Cloud, role: str) -> set[Rule]:
    """Machines of one zone of trust reach each other; administrators reach SSH where the way out is."""
    networks = [network for network in cloud.networks if network.role == role]
    peers = [network.cidr for network in cloud.foundation.networks if network.role == role]
    rules = {rule for cidr in peers for rule in _everything("ingress", cidr.version, str(cidr))}
    if not any(network.id in cloud.routed for network in networks):
        return rules | {rule for cidr in peers for rule in _everything("egress", cidr.version, str(cidr))}
    for version in {network.cidr.version for network in networks}:
        rules |= set(_everything("egress", version, ""))
    return rules | {_tcp(_SSH, cidr) for cidr in _settings(cloud).administration}


def control_plane_rules(cloud: Cloud) -> set[Rule]:
    """Who reaches the Kubernetes API: administrators, pods and machines."""
    port = _settings(cloud).control_plane.port
    return {_tcp(port, cidr) for cidr in api_callers(cloud)}


def api_callers(cloud: Cloud) -> list[Cidr]:
    """The ranges from which the Kubernetes API is called."""
    inside = [
        network.cidr
        for network in cloud.foundation.networks
        if network.role in ("pods", "management") or network.id in cloud.routed
    ]
    return list(dict.fromkeys([*_settings(cloud).administration, *inside]))


def _tcp(port: int, cidr: Cidr) -> Rule:
    return Rule(
        direction="ingress", version=cidr.version, protocol="tcp", ports=(port, port), remote=str(cidr)
    )


def _everything(direction: str, version: int, remote: str) -> Iterator[Rule]:
    icmp = "icmp" if version == 4 else "ipv6-icmp"
    yield Rule(direction=direction, version=version, protocol=icmp, remote=remote)
    for protocol in ("tcp", "udp"):
        yield Rule(direction=direction, version=version, protocol=protocol, ports=_ALL_PORTS, remote=remote)


def _group(cloud: Cloud, name: str, rules: set[Rule]) -> Iterator[Wanted]:
    group = cloud.key("group", name)
    inputs = {"name": cloud.name(name), "delete_default_rules": True, "tags": cloud.tags()}
    yield Wanted(key=group, kind="networking.SecGroup", inputs=inputs)
    for rule in sorted(rules, key=lambda rule: rule.slug):
        key = cloud.key("rule", name, rule.slug)
        yield Wanted(key=key, kind="networking.SecGroupRule", inputs=rule.inputs(Ref(key=group)))


def _settings(cloud: Cloud) -> Hosts:
    if cloud.foundation.hosts is None:  # the rules of the model ask for them where machines are real
        raise ValueError("real machines come with `hosts`")
    return cloud.foundation.hosts
