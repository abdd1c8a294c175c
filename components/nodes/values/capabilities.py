"""The capability schema, and the classes by which accelerators are claimed.

The schema is made here, once, by `capabilities`: devices publish it, device classes select on it, node
labels repeat it. A class can therefore select only on what every device says of itself.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from components import naming
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Accelerator, DeviceClass, Foundation, NodePool, Select

Capability: TypeAlias = str | int | bool
RESOURCE_API = "resource.k8s.io/v1"
_ATTRIBUTES = f'device.attributes["{naming.ACCELERATOR_DRIVER}"]'
_CAPACITY = f'device.capacity["{naming.ACCELERATOR_DRIVER}"]'


def capabilities(accelerator: Accelerator) -> dict[str, Capability]:
    """What a device is, by attribute name: classes compare these for equality and order of integers."""
    told: dict[str, Capability] = {
        "model": accelerator.id,
        "vendor": accelerator.vendor,
        "kind": accelerator.kind,
        "family": accelerator.family,
        "generation": accelerator.generation,
        "isa": accelerator.isa,
        "interconnect": accelerator.interconnect,
        "watts": accelerator.watts,
    }
    return told | {framework(name): True for name in accelerator.frameworks}


def amounts(accelerator: Accelerator) -> dict[str, str]:
    """How much a device offers, by capacity name, as Kubernetes quantities (`fp16Tflops` in TFLOP/s)."""
    return {"memory": str(accelerator.memory), "fp16Tflops": str(accelerator.fp16_tflops)}


def framework(name: str) -> str:
    """The attribute that says that a framework runs: attribute names are C identifiers."""
    return f"framework_{name}".replace("-", "_")


def pool_labels(pool: NodePool, foundation: Foundation) -> dict[str, str]:
    """The labels that all nodes of a pool have, real or simulated."""
    return {
        naming.ZONE: pool.zone,
        naming.REGION: foundation.environment.region,
        naming.POOL: pool.id,
        naming.ROLE: pool.role,
        **_capability_labels(accelerator_of(pool, foundation)),
    }


def _capability_labels(accelerator: Accelerator | None) -> dict[str, str]:
    """The capabilities again, as labels for node selectors and for people."""
    if accelerator is None:
        return {}
    told = capabilities(accelerator) | amounts(accelerator)
    return {f"{naming.ACCELERATOR_DRIVER}/{key}": _label(value) for key, value in told.items()}


def _label(value: Capability) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def accelerator_of(pool: NodePool, foundation: Foundation) -> Accelerator | None:
    """The accelerator in a pool's machines; None where they have none."""
    return foundation.accelerator(pool.accelerators.model) if pool.accelerators else None


def device_class(wanted: DeviceClass, labels: Mapping[str, str]) -> Manifest:
    """The class by which a tenant claims devices of a capability, whoever made them."""
    return {
        "apiVersion": RESOURCE_API,
        "kind": "DeviceClass",
        "metadata": meta(wanted.id, labels),
        "spec": {"selectors": [{"cel": {"expression": selection(wanted.select)}}]},
    }


def selection(select: Select) -> str:
    """The selection in CEL.

    It asks for our driver first: the attributes of other drivers' devices are then never looked up, and a
    look-up that fails would stop the scheduler's whole search.
    """
    return " && ".join([f"device.driver == {json.dumps(naming.ACCELERATOR_DRIVER)}", *_terms(select)])


def _terms(select: Select) -> Iterator[str]:
    for key in ("kind", "vendor", "family", "isa", "interconnect"):
        if (value := getattr(select, key)) is not None:
            yield f"{_ATTRIBUTES}.{key} == {json.dumps(value)}"
    if select.min_generation is not None:
        yield f"{_ATTRIBUTES}.generation >= {select.min_generation}"
    if select.max_watts is not None:
        yield f"{_ATTRIBUTES}.watts <= {select.max_watts}"
    if select.min_memory is not None:
        yield _at_least("memory", str(select.min_memory))
    if select.min_fp16_tflops is not None:
        yield _at_least("fp16Tflops", str(select.min_fp16_tflops))
    for name in select.frameworks:
        yield f'"{framework(name)}" in {_ATTRIBUTES}'


def _at_least(amount: str, least: str) -> str:
    """The CEL term that asks for at least `least` (a quantity) of a capacity, e.g. of `memory`."""
    return f"{_CAPACITY}.{amount}.compareTo(quantity({json.dumps(least)})) >= 0"
