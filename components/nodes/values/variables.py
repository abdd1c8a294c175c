"""The variables of the Ansible roles, from what the foundation tells of pools, hosts and networks.

What each means is in `ansible/roles/<role>/meta/argument_specs.yml`; defaults are the roles' own.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final

from components import naming
from components.model import FoundationOutputs, HostOutputs, Hosts, PoolOutputs, matrix
from components.upstream import catalog

MANAGEMENT: Final = "management"
"""The network role of the machines' own addresses, where these are host names."""
_MIB: Final = 2**20
_SANDBOXES: Final = ("kata-clh", "kata-fc", "gvisor")
_HANDLERS: Final[Mapping[str, str]] = {"nvidia": "nvidia"}
"""Runtime handler of an accelerator, by vendor."""

# Ports by https://kubernetes.io/docs/reference/networking/ports-and-protocols/ and
# https://docs.cilium.io/en/stable/operations/system_requirements/#firewall-rules
_OF_MACHINES: Final = (
    ("10250", "tcp"),  # kubelet
    ("8472", "udp"),  # the pod network's tunnel
    ("4240", "tcp"),  # its health
    ("9100", "tcp"),  # node exporter
    ("9400", "tcp"),  # exporters of accelerators
)
_OF_PODS: Final = (("10250", "tcp"), ("4240", "tcp"), ("9100", "tcp"), ("9400", "tcp"))
_OF_CONTROL_PLANE: Final = (("6443", "tcp"), ("2379-2380", "tcp"))
_API: Final = (("6443", "tcp"),)
_SHARED: Final = (("", "vrrp"),)
"""By which the control plane's machines agree on who has the endpoint's address. It has no ports."""
_LISTED: Final = ("-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s")
_PINNED: Final[Mapping[str, str]] = {
    "StrictHostKeyChecking": "yes",
    "HostKeyAlgorithms": "ssh-ed25519",
    "UserKnownHostsFile": "/dev/null",
    "GlobalKnownHostsFile": "/dev/null",
    "NoHostAuthenticationForLocalhost": "no",
    "VerifyHostKeyDNS": "no",
    "CheckHostIP": "no",
    "UpdateHostKeys": "no",
}
"""What a user's own settings of SSH could say otherwise. Source: ssh_config(5)."""


def of_all(outputs: FoundationOutputs, programs: Mapping[str, str]) -> dict[str, Any]:
    """Variables of all machines."""
    settings = _settings(outputs)
    endpoint = settings.control_plane
    host = f"[{endpoint.endpoint}]" if ":" in endpoint.endpoint else endpoint.endpoint
    return {
        "ansible_connection": "ssh",
        "ansible_ssh_args": shlex.join(_LISTED),
        "ansible_ssh_host_key_checking": True,
        "bastide_environment": outputs.environment,
        "bastide_artifacts": settings.artifacts.model_dump(mode="json"),
        "base_administration": [str(each) for each in settings.administration],
        "base_administrators": [
            {"name": each.name, "keys": list(each.keys)} for each in settings.administrators
        ],
        "base_time_servers": list(settings.time_servers),
        "base_package_mirror": settings.package_mirror or "",
        "base_zones": _zones(outputs),
        "base_listen": _listen(outputs, control_plane=False),
        "runtime_registry_mirrors": dict(settings.registry_mirrors),
        "runtime_pause_image": catalog.image("pause"),
        "kubernetes_endpoint": f"{host}:{endpoint.port}",
        "kubernetes_control_plane": False,
        "kubernetes_pod_cidr": _cidrs(outputs, "pods"),
        "kubernetes_service_cidr": _cidrs(outputs, "services"),
        "kubernetes_virtual_address": endpoint.shared,
        **_journal(settings),
        **programs,
    }


def _journal(settings: Hosts) -> dict[str, Any]:
    if settings.journal is None:
        return {"telemetry_journal_sink": ""}
    files = settings.journal.model_dump(include={"ca", "certificate", "key"})
    return {"telemetry_journal_sink": settings.journal.sink, "telemetry_journal_tls": files}


def of_control_plane(outputs: FoundationOutputs) -> dict[str, Any]:
    """Variables of the machines that run the control plane."""
    return {"kubernetes_control_plane": True, "base_listen": _listen(outputs, control_plane=True)}


def of_pool(pool: PoolOutputs, outputs: FoundationOutputs) -> dict[str, Any]:
    """Variables of the machines of a pool."""
    found = {
        "base_huge_pages": pool.huge_pages,
        "runtime_handlers": _handlers(pool),
        "kubernetes_taints": list(pool.taints),
        "telemetry_accelerator": pool.accelerator.vendor if pool.accelerator else "",
    }
    if pool.machine:
        found["base_cpu"] = int(pool.machine.cpu.value)
        found["base_memory"] = int(pool.machine.memory.value // _MIB)
    if sandboxes := microvms(pool):
        found["microvm_handlers"] = list(sandboxes)
    if pool.storage:
        found["storage_devices"] = list(pool.storage.devices)
        found["storage_encryption"] = pool.storage.encryption
    if pool.trust:
        found["attestation_secure_boot"] = pool.trust.secure_boot
        found["attestation_measured_boot"] = pool.trust.measured_boot
    if pool.rdma:
        found["rdma_mode"] = pool.rdma.mode
        found["rdma_virtual_functions"] = pool.rdma.virtual_functions
        found["rdma_network"] = {each.id: str(each.cidr) for each in outputs.networks}[pool.rdma.network]
    return found | _accelerator(pool, outputs)


def of_host(host: HostOutputs, pool: PoolOutputs, pin: str) -> dict[str, Any]:
    """Variables of one machine: how it is reached, which key it must show, its labels."""
    return {
        "ansible_host": host.address,
        "ansible_port": host.port,
        "ansible_user": host.user,
        "ansible_control_path": _control_path(host),
        "ansible_ssh_common_args": ssh_arguments(host.name, host.host_key, pin),
        "bastide_host_key": host.host_key or "",
        "kubernetes_labels": {**pool.labels, naming.RACK: host.rack},
    }


def _control_path(host: HostOutputs) -> str:
    """Where SSH keeps an open connection: another pinned key never finds that of the one before."""
    about = f"{host.user}@{host.address}:{host.port} {host.host_key}"
    return f"%(directory)s/{sha256(about.encode()).hexdigest()[:16]}"


def ssh_arguments(name: str, fingerprint: str | None, pin: str) -> str:
    """Arguments of `ssh` with which only the pinned key is accepted; without one, none is.

    SSH itself asks the script `pin` (KnownHostsCommand, OpenSSH 8.5) and ends where the answer is no.
    """
    script = pin.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    command = f'/bin/sh "{script}" {name} {fingerprint or "none"} %I %f %H %t %K'
    settings = {**_PINNED, "KnownHostsCommand": command}
    return shlex.join(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))


def microvms(pool: PoolOutputs) -> tuple[str, ...]:
    """The sandboxed runtimes of a pool's machines: those of role `sandbox` have them."""
    return _SANDBOXES if pool.role == "sandbox" else ()


def unsupported(pool: PoolOutputs) -> Iterator[str]:
    """What the version matrix has against the accelerators of a pool."""
    if pool.accelerator is None or pool.accelerators is None:
        return
    own = pool.accelerator
    software = own.software.model_dump() if own.software else {}
    for each in matrix.problems(own.vendor, own.family, own.id, software, pool.accelerators.partitions):
        yield f"pool {pool.id}: accelerator {own.id}: {each.field}: {each.value} {each.rule}. {each.mend}"


def out_of_zone(outputs: FoundationOutputs) -> Iterator[str]:
    """Machines whose addresses no network holds: the firewall of the others would keep them out."""
    ranges = [each.cidr for each in outputs.networks]
    for host in outputs.hosts:
        address = _ip(host.address)
        if address and not any(address in each for each in ranges):
            mend = "Add the network of the machines, of role management, to `networks`."
            yield f"host {host.name}: no network holds {host.address}: the others would refuse it. {mend}"


def _ip(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _settings(outputs: FoundationOutputs) -> Hosts:
    if outputs.settings is None:
        raise ValueError(f"{outputs.environment}: no settings of real machines")
    return outputs.settings


def _accelerator(pool: PoolOutputs, outputs: FoundationOutputs) -> dict[str, Any]:
    own, wanted = pool.accelerator, pool.accelerators
    if own is None or wanted is None:
        return {}
    software = own.software.model_dump(exclude_none=True) if own.software else {}
    return {
        "accelerator_vendor": own.vendor,
        "accelerator_family": own.family,
        "accelerator_model": own.id,
        "accelerator_count": wanted.count,
        "accelerator_software": software,
        "accelerator_partitions": dict(wanted.partitions),
        "accelerator_repositories": [
            each.model_dump(mode="json", exclude={"vendor"})
            for each in _settings(outputs).vendor_repositories
            if each.vendor == own.vendor
        ],
        "accelerator_supported": matrix.supported(own.vendor, own.family, own.id, software),
    }


def _handlers(pool: PoolOutputs) -> list[str]:
    vendor = pool.accelerator.vendor if pool.accelerator else ""
    return [*([_HANDLERS[vendor]] if vendor in _HANDLERS else []), *microvms(pool)]


def _cidrs(outputs: FoundationOutputs, role: str) -> str:
    """The ranges of a role, comma between families, as Kubernetes takes them."""
    return ",".join(str(each.cidr) for each in outputs.networks if each.role == role)


def _zones(outputs: FoundationOutputs) -> list[dict[str, Any]]:
    roles = dict.fromkeys(each.role for each in outputs.networks)
    return [
        {"name": role, "cidrs": [str(each.cidr) for each in outputs.networks if each.role == role]}
        for role in roles
    ]


def _listen(outputs: FoundationOutputs, *, control_plane: bool) -> list[dict[str, str]]:
    """What is open to the networks of the machines and to pods."""
    shared = control_plane and _settings(outputs).control_plane.shared
    machines = [
        *_OF_MACHINES,
        *(_OF_CONTROL_PLANE if control_plane else ()),
        *(_SHARED if shared else ()),
    ]
    pods = [*_OF_PODS, *(_API if control_plane else ())]
    roles = {each.role for each in outputs.networks}
    opened = [(zone, machines) for zone in sorted(_machine_zones(outputs)) if zone in roles]
    opened += [("pods", pods)] if "pods" in roles else []
    return [
        {**({"port": port} if port else {}), "protocol": protocol, "zone": zone}
        for zone, ports in opened
        for port, protocol in ports
    ]


def _machine_zones(outputs: FoundationOutputs) -> set[str]:
    """The roles of the networks in which the machines have their addresses."""
    addresses = [address for host in outputs.hosts if (address := _ip(host.address))]
    return {
        each.role
        for each in outputs.networks
        if each.role == MANAGEMENT or any(address in each.cidr for address in addresses)
    }
