"""Accelerators by capability, the software that drives them, and the classes by which they are claimed."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import Field, JsonValue, model_validator

from components.model.base import Model
from components.model.machine_types import SoftwareVersion
from components.model.quantity import SomeBytes, broken
from components.model.types import Part, PositiveInt, Slug

AcceleratorKind: TypeAlias = Literal["gpu", "npu"]
_TFLOPS: Final[dict[str, JsonValue]] = {"unit": "TFLOP/s"}
_WATTS: Final[dict[str, JsonValue]] = {"unit": "W"}


class AcceleratorSoftware(Model):
    """What must be installed beside an accelerator, version by version."""

    driver: SoftwareVersion = Field(description="Kernel driver.")
    toolkit: SoftwareVersion = Field(description="What containers are built with: CUDA, CANN or ROCm.")
    firmware: SoftwareVersion | None = Field(default=None, description="Firmware, where it comes apart.")


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
        json_schema_extra=_TFLOPS,
    )
    watts: PositiveInt = Field(description="Board power of one device.", json_schema_extra=_WATTS)
    isa: Slug = Field(description="Programming interface: `cuda`, `rocm`, `cann`, ...")
    frameworks: tuple[Part, ...] = Field(min_length=1, description="Frameworks known to run on it.")
    interconnect: Slug = Field(description="Link between devices of one machine.")
    software: AcceleratorSoftware | None = Field(
        default=None,
        description="Versions on real machines; must be a supported combination.",
    )


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
        json_schema_extra=_TFLOPS,
    )
    max_watts: PositiveInt | None = Field(
        default=None, description="Highest board power.", json_schema_extra=_WATTS
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
