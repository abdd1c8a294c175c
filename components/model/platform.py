"""The platform: who runs it, and the classes of data, priority, runtime and storage that tenants use."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from components.model.base import Model
from components.model.gateway import Gateway
from components.model.quantity import SomeBytes, SomeCpu
from components.model.quota import Quota
from components.model.types import CostCenter, Count, Driver, EmailAddress, Flag, Group, Slug, Text
from components.model.upstream import Registry, UpstreamSettings

Isolation: TypeAlias = Literal["userspace-kernel", "microvm", "confidential"]
PriorityValue: TypeAlias = Annotated[int, Field(strict=True, ge=-1_000_000_000, le=1_000_000_000)]


class PlatformSettings(Model):
    """Who answers for the platform, and what it keeps for itself."""

    owner: EmailAddress = Field(description="Who answers for the platform.")
    cost_center: CostCenter = Field(description="Where the platform's own cost is booked.")
    administrators: tuple[Group, ...] = Field(
        min_length=1, description="Groups that administer the platform."
    )
    auditors: tuple[Group, ...] = Field(min_length=1, description="Groups that may read all but secrets.")
    system_quota: Quota = Field(description="Kept back from tenants for the platform's own services.")
    registry: Registry | None = Field(
        default=None, description="Registry that holds our own images; pods take them by digest."
    )


class DataClass(Model):
    """A class of data by sensitivity."""

    id: Slug = Field(description="Id; the value of the label `bastide.dev/data-class`.")
    rank: Count = Field(description="Sensitivity, unique: the higher, the more sensitive.")
    off_premises: Flag = Field(description="Whether such data may leave the premises.")


class PriorityClass(Model):
    """A Kubernetes PriorityClass."""

    id: Slug = Field(description="Name.")
    value: PriorityValue = Field(description="Priority: the higher wins.")
    description: Text = Field(description="What it is for.")
    default: Flag = Field(default=False, description="Whether pods without a class get it; exactly one.")
    preempts: Flag = Field(default=True, description="Whether it may evict pods of lower priority.")


class SandboxOverhead(Model):
    """What the sandbox around a pod needs for itself."""

    cpu: SomeCpu = Field(description="Processor cores.")
    memory: SomeBytes = Field(description="Memory.")


class RuntimeClass(Model):
    """A Kubernetes RuntimeClass: how a sandbox is isolated."""

    id: Slug = Field(description="Name.")
    handler: Slug = Field(description="Handler that the container runtime of the nodes knows.")
    isolation: Isolation = Field(description="What stands between a pod and its node.")
    overhead: SandboxOverhead | None = Field(
        default=None, description="What each pod costs on top of its containers."
    )


class StorageClass(Model):
    """A Kubernetes StorageClass."""

    id: Slug = Field(description="Name.")
    provisioner: Driver = Field(description="CSI driver.")
    encrypted: Flag = Field(description="Whether volumes are encrypted at rest.")
    expandable: Flag = Field(default=False, description="Whether volumes can grow.")
    default: Flag = Field(default=False, description="Whether claims without a class get it; exactly one.")
    bind_at_schedule: Flag = Field(
        default=False, description="Bind a volume when its pod is placed; needed by local disks."
    )


class Platform(Model):
    """The stack `<env>.platform`."""

    platform: PlatformSettings = Field(description="Who answers for the platform.")
    data_classes: tuple[DataClass, ...] = Field(min_length=1, description="Classes of data.")
    priority_classes: tuple[PriorityClass, ...] = Field(min_length=1, description="Classes of priority.")
    runtime_classes: tuple[RuntimeClass, ...] = Field(default=(), description="Kinds of sandbox isolation.")
    storage_classes: tuple[StorageClass, ...] = Field(min_length=1, description="Kinds of storage.")
    gateway: Gateway | None = Field(default=None, description="The AI gateway.")
    upstream: UpstreamSettings = Field(
        default_factory=UpstreamSettings, description="Where the gateway's third-party software comes from."
    )

    @property
    def leaving(self) -> frozenset[str]:
        """The data classes that may leave the premises; every other is sensitive."""
        return frozenset(each.id for each in self.data_classes if each.off_premises)
