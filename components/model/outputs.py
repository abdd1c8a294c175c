"""What a layer tells the next: the typed outputs that stack references carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field, ValidationError

from components.model.accelerators import Accelerator
from components.model.base import Model
from components.model.foundation import EnvironmentKind, Network
from components.model.hosts import Hosts
from components.model.pools import Machine, PoolAccelerators, PoolRdma, PoolRole, PoolStorage, PoolTrust
from components.model.quantity import Bytes, Cpu
from components.model.types import Count, Port


class OutputsError(Exception):
    """A stack's outputs are not what this release reads."""


class Outputs(Model):
    """Base of a layer's outputs. Keys that a later release added are ignored when read."""

    model_config = ConfigDict(extra="ignore")

    def dump(self) -> dict[str, Any]:
        """Plain JSON values under camelCase keys, always all of them, in the order declared."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def parse(cls, raw: object, stack: str = "") -> Self:
        """The outputs of `stack`, as `dump` wrote them. Raises `OutputsError` with all that is wrong."""
        try:
            return cls.model_validate(raw, by_alias=True, by_name=False)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'outputs'}: {e['msg']}" for e in error.errors()
            )
            raise OutputsError(
                f"{f'stack {stack}' if stack else cls.__name__}: these outputs are not those of this release "
                f"({wrong}). Deploy the stack again with this release: `pulumi up -s {stack or '<stack>'}`."
            ) from error


class PoolOutputs(Outputs):
    """One node pool as deployed."""

    id: str = Field(description="Id of the pool.")
    kind: str = Field(description="`simulated`, `openstack` or `static`.")
    role: PoolRole = Field(description="What runs on it.")
    zone: str = Field(description="Zone.")
    count: Count = Field(description="Number of nodes.")
    control_plane: bool = Field(default=False, description="Whether they run the control plane.")
    machine: Machine | None = Field(default=None, description="What each machine offers to pods.")
    accelerator: Accelerator | None = Field(default=None, description="Accelerator of each machine.")
    accelerators: PoolAccelerators | None = Field(default=None, description="How many, and how partitioned.")
    rdma: PoolRdma | None = Field(default=None, description="RDMA of each machine.")
    storage: PoolStorage | None = Field(default=None, description="Local disks of each machine.")
    trust: PoolTrust | None = Field(default=None, description="What must be proven of the boot.")
    huge_pages: Count = Field(default=0, description="Huge pages of 2 MiB on each machine.")
    labels: Mapping[str, str] = Field(default={}, description="Labels of its nodes.")
    taints: tuple[str, ...] = Field(default=(), description="Taints of its nodes, as `key=value:Effect`.")


class HostOutputs(Outputs):
    """One real machine: where it stands and how it is reached."""

    name: str = Field(description="Node name.")
    pool: str = Field(description="Id of its pool.")
    rack: str = Field(description="Its rack.")
    address: str = Field(description="IP address or host name.")
    port: Port = Field(default=22, description="Port of SSH.")
    user: str = Field(description="User to log in as.")
    host_key: str | None = Field(default=None, description="Fingerprint of its host key; none: not known.")


class Capacity(Outputs):
    """What all nodes offer together."""

    cpu: Cpu = Field(description="Processor cores.")
    memory: Bytes = Field(description="Memory.")
    pods: Count = Field(description="Pods at a time.")
    devices: Mapping[str, Count] = Field(
        description="Accelerators by device class; one that fits two classes counts in both."
    )


class FoundationOutputs(Outputs):
    """Outputs of `<env>.foundation`."""

    environment: str = Field(description="Name of the environment.")
    kind: EnvironmentKind = Field(description="Kind of the environment.")
    zones: tuple[str, ...] = Field(description="Ids of the zones.")
    pools: tuple[PoolOutputs, ...] = Field(description="Node pools.")
    device_classes: tuple[str, ...] = Field(description="Names of the device classes.")
    nodes: Count = Field(description="Number of nodes.")
    accelerators: Mapping[str, Count] = Field(description="Number of devices by accelerator model.")
    capacity: Capacity = Field(description="What all nodes offer together.")
    region: str = Field(default="", description="Region of all nodes.")
    sites: Mapping[str, str] = Field(default={}, description="Site by zone.")
    networks: tuple[Network, ...] = Field(default=(), description="Address ranges.")
    hosts: tuple[HostOutputs, ...] = Field(default=(), description="Real machines.")
    settings: Hosts | None = Field(default=None, description="Settings of all real machines.")


class GatewayOutputs(Outputs):
    """The AI gateway as deployed: what tenants may name."""

    domain: str = Field(description="Domain under which tenants have their hosts.")
    namespace: str = Field(description="Namespace of the gateway and of what it sends to.")
    providers: tuple[str, ...] = Field(description="Ids of the providers that get traffic.")
    models: tuple[str, ...] = Field(description="Ids of the models.")
    tiers: tuple[str, ...] = Field(description="Ids of the token tiers.")
    tool_servers: tuple[str, ...] = Field(description="Ids of the MCP servers.")


class PlatformOutputs(Outputs):
    """Outputs of `<env>.platform`."""

    environment: str = Field(description="Name of the environment.")
    owner: str = Field(description="Who answers for the platform.")
    data_classes: tuple[str, ...] = Field(description="Ids of the data classes.")
    priority_classes: tuple[str, ...] = Field(description="Names of the priority classes.")
    runtime_classes: tuple[str, ...] = Field(description="Names of the runtime classes.")
    storage_classes: tuple[str, ...] = Field(description="Names of the storage classes.")
    namespaces: tuple[str, ...] = Field(description="The platform's own namespaces.")
    admission_policies: tuple[str, ...] = Field(description="Names of the admission policies in force.")
    stand_ins: tuple[str, ...] = Field(description="What a stand-in takes the place of; empty means nothing.")
    gateway: GatewayOutputs | None = Field(default=None, description="The AI gateway, where there is one.")


class TenantOutputs(Outputs):
    """Outputs of `<env>.<tenant>`."""

    tenant: str = Field(description="Id of the tenant.")
    namespaces: Mapping[str, str] = Field(
        description="Namespace by purpose, or by `department-purpose` where it belongs to a department."
    )
    service_accounts: Mapping[str, str] = Field(
        description="Service account as `namespace/name`, by the keys of `namespaces`."
    )
    groups: Mapping[str, tuple[str, ...]] = Field(description="Groups by role.")


class GovernanceOutputs(Outputs):
    """What a tenant has at the gateway."""

    namespace: str = Field(description="Namespace of its routes, keys and limits.")
    hosts: Mapping[str, str] = Field(description="Host name by listener.")
    models: tuple[str, ...] = Field(description="Models that it may ask for.")
    providers: tuple[str, ...] = Field(description="Providers that may answer it.")
