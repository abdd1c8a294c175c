"""Manifests of simulated machines and of the classes by which their accelerators are claimed.

The capability schema is made here, once, by `capabilities`: devices publish it, device classes select on
it, node labels repeat it. A class can therefore select only on what every device says of itself.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from components import naming
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import (
    Accelerator,
    Bytes,
    Capacity,
    Cpu,
    DeviceClass,
    Foundation,
    FoundationOutputs,
    PoolOutputs,
    Select,
    SimulatedPool,
    capacity,
)

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


def nodes(pool: SimulatedPool, foundation: Foundation, labels: Mapping[str, str]) -> list[Manifest]:
    """The pool's machines, spread evenly over its racks."""
    return [_node(index, pool, foundation, labels) for index in range(pool.count)]


def node_name(pool: str, index: int) -> str:
    """The name of a pool's machine; `index` counts from 0."""
    return naming.join(pool, str(index))


def rack(pool: SimulatedPool, index: int) -> str:
    """The rack in which a pool's machine stands."""
    return pool.racks[index % len(pool.racks)]


def _node(index: int, pool: SimulatedPool, foundation: Foundation, labels: Mapping[str, str]) -> Manifest:
    accelerator = accelerator_of(pool, foundation)
    own = {
        naming.ZONE: pool.zone,
        naming.REGION: foundation.environment.region,
        naming.RACK: rack(pool, index),
        naming.POOL: pool.id,
        naming.ROLE: pool.role,
        "kubernetes.io/hostname": node_name(pool.id, index),
        "kubernetes.io/os": "linux",
    }
    machine = {
        "cpu": str(pool.machine.cpu),
        "memory": str(pool.machine.memory),
        "pods": str(pool.machine.pods),
    }
    node: Manifest = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(node_name(pool.id, index), {**labels, **own, **_capability_labels(accelerator)}),
        "spec": {},
    }
    node["metadata"]["annotations"] = {"kwok.x-k8s.io/node": "fake"}
    node["status"] = {"capacity": machine, "allocatable": dict(machine)}
    if accelerator:
        taint = {"key": naming.ACCELERATOR, "value": accelerator.kind, "effect": "NoSchedule"}
        node["spec"] = {"taints": [taint]}
    return node


def _capability_labels(accelerator: Accelerator | None) -> dict[str, str]:
    """The capabilities again, as labels for node selectors and for people."""
    if accelerator is None:
        return {}
    told = capabilities(accelerator) | amounts(accelerator)
    return {f"{naming.ACCELERATOR_DRIVER}/{key}": _label(value) for key, value in told.items()}


def _label(value: Capability) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def accelerator_of(pool: SimulatedPool, foundation: Foundation) -> Accelerator | None:
    """The accelerator in a pool's machines; None where they have none."""
    return foundation.accelerator(pool.accelerators.model) if pool.accelerators else None


def slices(pool: SimulatedPool, foundation: Foundation, labels: Mapping[str, str]) -> list[Manifest]:
    """The devices of each machine of the pool, as the scheduler sees them."""
    accelerator = accelerator_of(pool, foundation)
    if accelerator is None or pool.accelerators is None:
        return []
    count = pool.accelerators.count
    return [_slice(index, pool, accelerator, count, labels) for index in range(pool.count)]


def _slice(
    index: int, pool: SimulatedPool, accelerator: Accelerator, count: int, labels: Mapping[str, str]
) -> Manifest:
    node = node_name(pool.id, index)
    place = {"zone": pool.zone, "rack": rack(pool, index)}
    told = {key: _typed(value) for key, value in (capabilities(accelerator) | place).items()}
    offers = {key: {"value": value} for key, value in amounts(accelerator).items()}
    return {
        "apiVersion": RESOURCE_API,
        "kind": "ResourceSlice",
        "metadata": meta(naming.join(node, accelerator.kind), labels),
        "spec": {
            "driver": naming.ACCELERATOR_DRIVER,
            "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": [
                {
                    "name": f"{accelerator.kind}-{device}",
                    "attributes": {**told, "index": _typed(device)},
                    "capacity": offers,
                }
                for device in range(count)
            ],
        },
    }


def _typed(value: Capability) -> dict[str, Capability]:
    if isinstance(value, bool):
        return {"bool": value}
    return {"int": value} if isinstance(value, int) else {"string": value}


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


def outputs(foundation: Foundation) -> FoundationOutputs:
    """What the next layers may rely on. Pools of every kind count: they are declared, and planned with."""
    environment = foundation.environment
    return FoundationOutputs(
        environment=environment.name,
        kind=environment.kind,
        zones=tuple(zone.id for zone in environment.zones),
        pools=tuple(
            PoolOutputs(id=pool.id, kind=pool.kind, role=pool.role, zone=pool.zone, count=pool.count)
            for pool in foundation.pools
        ),
        device_classes=tuple(wanted.id for wanted in foundation.device_classes),
        nodes=sum(pool.count for pool in foundation.pools),
        accelerators=capacity.device_counts(foundation),
        capacity=_capacity(foundation),
    )


def _capacity(foundation: Foundation) -> Capacity:
    """What the machines offer, counted as the rules on quotas count it."""
    machines, devices = capacity.machine_amounts(foundation), capacity.device_counts(foundation)
    return Capacity(
        cpu=Cpu.of(machines["cpu"]),
        memory=Bytes.of(machines["memory"]),
        pods=int(machines["pods"]),
        devices={
            name: sum(devices.get(model, 0) for model in models)
            for name, models in capacity.models_of(foundation).items()
        },
    )
