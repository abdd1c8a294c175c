"""Quotas and limits, shared by platform and tenants."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from components.model.base import Model
from components.model.quantity import Bytes, Cpu, SomeBytes, SomeCpu
from components.model.types import Count, Slug


class Quota(Model):
    """The most that may be used at a time."""

    cpu: Cpu = Field(description="Processor cores.")
    memory: Bytes = Field(description="Memory.")
    pods: Count = Field(description="Number of pods.")
    storage: Bytes = Field(description="Sum of volume claims.")
    devices: Mapping[Slug, Count] = Field(
        default={}, description="Accelerators by device class; a class that is not named gets none."
    )


class Limits(Model):
    """Processor and memory of one container."""

    cpu: SomeCpu = Field(description="Processor cores.")
    memory: SomeBytes = Field(description="Memory.")
