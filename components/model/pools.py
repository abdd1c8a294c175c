"""Node pools: machines that are simulated, made by OpenStack, or there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from components.model.base import Model
from components.model.machine_types import DevicePath, PartitionProfile
from components.model.openstack import OpenStackVolume
from components.model.quantity import SomeBytes, SomeCpu
from components.model.types import Address, Count, Flag, HostKey, Part, Port, PositiveInt, Slug, Text

PoolRole: TypeAlias = Literal["system", "accelerator", "sandbox", "storage"]


class Machine(Model):
    """What one machine of a pool offers to pods."""

    cpu: SomeCpu = Field(description="Processor cores.")
    memory: SomeBytes = Field(description="Memory.")
    pods: PositiveInt = Field(description="Most pods at a time.")


class PoolAccelerators(Model):
    """The accelerators of each machine of a pool."""

    model: Slug = Field(description="Id of one of `accelerators`.")
    count: PositiveInt = Field(description="Devices per machine.")
    partitions: Mapping[PartitionProfile, PositiveInt] = Field(
        default={}, description="Hardware partitions (MIG) of each device: how many by profile."
    )


class PoolRdma(Model):
    """Remote direct memory access of each machine of a pool."""

    network: Slug = Field(description="Id of one of `networks`, of role `fabric`.")
    mode: Literal["roce", "infiniband"] = Field(default="roce", description="Link layer.")
    virtual_functions: Count = Field(default=0, description="SR-IOV virtual functions of each port.")


class PoolStorage(Model):
    """Local disks of each machine of a pool, for container images, logs and local volumes."""

    devices: tuple[DevicePath, ...] = Field(min_length=1, description="Whole disks, by stable path.")
    encryption: Literal["tpm", "none"] = Field(
        default="tpm", description="`tpm` seals the key in the machine's TPM."
    )


class PoolTrust(Model):
    """What a machine must prove of its boot before it is a node."""

    secure_boot: Flag = Field(default=True, description="Whether UEFI secure boot must be on.")
    measured_boot: Flag = Field(default=True, description="Whether a TPM must have measured the boot.")


class _Pool(Model):
    id: Part = Field(description="Id, unique in the environment; nodes are named after it.")
    role: PoolRole = Field(description="What runs on it.")
    zone: Part = Field(description="Id of the zone it is in.")
    racks: tuple[Part, ...] = Field(min_length=1, description="Racks of that zone, filled in turn.")
    machine: Machine = Field(description="What each machine offers.")
    accelerators: PoolAccelerators | None = Field(default=None, description="Accelerators of each machine.")


class SimulatedPool(_Pool):
    """Machines of the twin: Node and ResourceSlice objects without hardware."""

    kind: Literal["simulated"] = Field(description="Simulated machines.")
    count: Count = Field(description="Number of machines.")


class _RealPool(_Pool):
    control_plane: Flag = Field(default=False, description="Whether its machines run the control plane.")
    rdma: PoolRdma | None = Field(default=None, description="RDMA of each machine.")
    storage: PoolStorage | None = Field(default=None, description="Local disks of each machine.")
    trust: PoolTrust | None = Field(default=None, description="What must be proven of the boot.")
    huge_pages: Count = Field(
        default=0, description="Huge pages of 2 MiB on each machine.", json_schema_extra={"unit": "2 MiB"}
    )


class OpenStackPool(_RealPool):
    """Machines that OpenStack makes (Nova, on Ironic for bare metal)."""

    kind: Literal["openstack"] = Field(description="Machines made by OpenStack.")
    count: Count = Field(description="Number of machines.")
    flavor: Text = Field(description="Name of the flavor: one of the site's, or one that is there already.")
    image: Text = Field(description="Name of the image: one of the site's, or one that is there already.")
    network: Slug = Field(description="Id of one of `networks`: the one with the default route.")
    more_networks: tuple[Slug, ...] = Field(default=(), description="Ids of further `networks`.")
    key_pair: Text = Field(description="Name of the SSH key pair: one of the site's, or one there already.")
    user: Part = Field(default="debian", description="User of the image to log in as.")
    root_volume: OpenStackVolume | None = Field(
        default=None, description="Volume to boot from; without it, the machine's own disk."
    )
    volumes: tuple[OpenStackVolume, ...] = Field(default=(), description="Further volumes of each machine.")
    floating: Flag = Field(default=False, description="Whether each machine gets a floating address.")
    host_keys: Mapping[Slug, HostKey] = Field(
        default={},
        description="Fingerprints of ED25519 host keys by machine, e.g. `gpu-0`, read once it has booted; "
        "a machine without one is not logged in to.",
    )


class Host(Model):
    """A machine that is there already, reached over SSH."""

    name: Slug = Field(description="Node name, unique in the environment.")
    address: Address = Field(description="IP address or host name, unique in the environment.")
    port: Port = Field(default=22, description="Port of SSH.")
    user: Part = Field(default="root", description="User to log in as.")
    host_key: HostKey = Field(description="SHA-256 fingerprint of its ED25519 host key: `SHA256:...`.")
    rack: Part | None = Field(default=None, description="Its rack; without it, the pool's racks in turn.")


class StaticPool(_RealPool):
    """Machines that are there already."""

    kind: Literal["static"] = Field(description="Existing machines over SSH.")
    hosts: tuple[Host, ...] = Field(min_length=1, description="The machines.")

    @property
    def count(self) -> int:
        return len(self.hosts)


NodePool: TypeAlias = Annotated[SimulatedPool | OpenStackPool | StaticPool, Field(discriminator="kind")]
