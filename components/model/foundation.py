"""The foundation: environment and zones, networks, accelerators by capability, node pools."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, JsonValue, model_validator

from components.model.base import Model
from components.model.quantity import SomeBytes, SomeCpu, broken
from components.model.types import Address, Cidr, Count, HostKey, Part, PositiveInt, Slug, Text

EnvironmentKind: TypeAlias = Literal["twin", "development", "production", "sovereign"]
NetworkRole: TypeAlias = Literal["pods", "services", "management", "fabric", "storage", "public"]
PoolRole: TypeAlias = Literal["system", "accelerator", "sandbox", "storage"]
AcceleratorKind: TypeAlias = Literal["gpu", "npu"]
_TFLOPS: Final[dict[str, JsonValue]] = {"unit": "TFLOP/s"}
_WATTS: Final[dict[str, JsonValue]] = {"unit": "W"}


class Zone(Model):
    """A failure domain: a room or a hall with its own power and network."""

    id: Part = Field(description="Id, unique in the environment.")
    racks: tuple[Part, ...] = Field(min_length=1, description="Racks, unique in the environment.")


class Environment(Model):
    """What is being built, and where."""

    name: Part = Field(description="Name; equal to the `<env>` in the names of its files.")
    kind: EnvironmentKind = Field(
        description="`twin` is simulated; `sovereign` has no connection to the outside."
    )
    region: Part = Field(description="Region label of all nodes.")
    zones: tuple[Zone, ...] = Field(min_length=1, description="Failure domains.")


class Network(Model):
    """An address range with one purpose. Ranges never overlap."""

    id: Slug = Field(description="Id, unique in the environment.")
    role: NetworkRole = Field(description="What uses it; `fabric` joins accelerators (RDMA).")
    cidr: Cidr = Field(description="The range, IPv4 or IPv6, without host bits.")
    zone: Part | None = Field(default=None, description="The zone it is in; without it, all zones.")


class Accelerator(Model):
    """An accelerator model by its capabilities, neutral to its vendor."""

    id: Slug = Field(description="Id that pools name as `model`.")
    vendor: Slug = Field(description="Maker.")
    kind: AcceleratorKind = Field(description="GPU or NPU.")
    family: Slug = Field(description="Family of models; generations compare within it.")
    generation: PositiveInt = Field(description="Generation within the family.")
    memory: SomeBytes = Field(description="Memory of one device.")
    fp16_tflops: PositiveInt = Field(
        description="Dense 16-bit floating point performance of one device.",
        json_schema_extra={"unit": "TFLOP/s"},
    )
    watts: PositiveInt = Field(description="Board power of one device.", json_schema_extra={"unit": "W"})
    isa: Slug = Field(description="Programming interface: `cuda`, `rocm`, `cann`, ...")
    frameworks: tuple[Part, ...] = Field(min_length=1, description="Frameworks known to run on it.")
    interconnect: Slug = Field(description="Link between devices of one machine.")


class Select(Model):
    """Capabilities that a device must have. All given ones must hold."""

    kind: AcceleratorKind | None = Field(default=None, description="GPU or NPU.")
    vendor: Slug | None = Field(default=None, description="Maker.")
    family: Slug | None = Field(default=None, description="Family of models.")
    isa: Slug | None = Field(default=None, description="Programming interface.")
    interconnect: Slug | None = Field(default=None, description="Link between devices of one machine.")
    min_generation: PositiveInt | None = Field(
        default=None, description="Lowest generation; needs `family`, since generations compare within one."
    )
    min_memory: SomeBytes | None = Field(default=None, description="Least memory of one device.")
    min_fp16_tflops: PositiveInt | None = Field(
        default=None,
        description="Least 16-bit floating point performance.",
        json_schema_extra={"unit": "TFLOP/s"},
    )
    max_watts: PositiveInt | None = Field(
        default=None, description="Highest board power.", json_schema_extra={"unit": "W"}
    )
    frameworks: tuple[Part, ...] = Field(default=(), description="Frameworks that it must run, all of them.")

    @model_validator(mode="after")
    def _says_something(self) -> Select:
        if not any(self.model_dump().values()):
            raise broken("must name at least one capability", "Write it like `{kind: gpu}`.")
        if self.min_generation is not None and self.family is None:
            raise broken("`minGeneration` needs `family`", "Add `family`, or select by `minMemory`.")
        return self


def matches(select: Select, accelerator: Accelerator) -> bool:
    """Whether devices of this model have all the capabilities that `select` asks for."""
    exact = ("kind", "vendor", "family", "isa", "interconnect")
    if any(getattr(select, key) not in (None, getattr(accelerator, key)) for key in exact):
        return False
    return (
        (select.min_generation is None or accelerator.generation >= select.min_generation)
        and (select.min_memory is None or accelerator.memory >= select.min_memory)
        and (select.min_fp16_tflops is None or accelerator.fp16_tflops >= select.min_fp16_tflops)
        and (select.max_watts is None or accelerator.watts <= select.max_watts)
        and set(select.frameworks) <= set(accelerator.frameworks)
    )


class DeviceClass(Model):
    """A class of devices that workloads claim and quotas count."""

    id: Slug = Field(description="Name of the Kubernetes DeviceClass.")
    select: Select = Field(description="Capabilities that a device of this class has.")


class Machine(Model):
    """What one machine of a pool offers to pods."""

    cpu: SomeCpu = Field(description="Processor cores.")
    memory: SomeBytes = Field(description="Memory.")
    pods: PositiveInt = Field(description="Most pods at a time.")


class PoolAccelerators(Model):
    """The accelerators of each machine of a pool."""

    model: Slug = Field(description="Id of one of `accelerators`.")
    count: PositiveInt = Field(description="Devices per machine.")


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


class OpenStackPool(_Pool):
    """Machines that OpenStack makes (Nova, on Ironic for bare metal)."""

    kind: Literal["openstack"] = Field(description="Machines made by OpenStack.")
    count: Count = Field(description="Number of machines.")
    flavor: Text = Field(description="Name of the flavor.")
    image: Text = Field(description="Name of the image.")
    network: Slug = Field(description="Id of one of `networks`.")
    key_pair: Text = Field(description="Name of the key pair for SSH.")


class Host(Model):
    """A machine that is there already, reached over SSH."""

    name: Slug = Field(description="Node name, unique in the environment.")
    address: Address = Field(description="IP address or host name, unique in the environment.")
    user: Part = Field(default="root", description="User to log in as.")
    host_key: HostKey = Field(description="SHA-256 fingerprint of its SSH host key: `SHA256:...`.")


class StaticPool(_Pool):
    """Machines that are there already."""

    kind: Literal["static"] = Field(description="Existing machines over SSH.")
    hosts: tuple[Host, ...] = Field(min_length=1, description="The machines.")

    @property
    def count(self) -> int:
        return len(self.hosts)


NodePool: TypeAlias = Annotated[SimulatedPool | OpenStackPool | StaticPool, Field(discriminator="kind")]


class Foundation(Model):
    """The stack `<env>.foundation`."""

    environment: Environment = Field(description="Name, kind and zones of the environment.")
    networks: tuple[Network, ...] = Field(min_length=1, description="Address ranges.")
    accelerators: tuple[Accelerator, ...] = Field(default=(), description="Accelerator models in use.")
    device_classes: tuple[DeviceClass, ...] = Field(default=(), description="Classes that workloads claim.")
    pools: tuple[NodePool, ...] = Field(min_length=1, description="Node pools.")

    def accelerator(self, model: str) -> Accelerator:
        """Raises `KeyError` where no accelerator has this id."""
        return {each.id: each for each in self.accelerators}[model]
