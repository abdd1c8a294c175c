"""Manifests of simulated machines: nodes, and the devices that they publish."""

from __future__ import annotations

from collections.abc import Mapping

from components import naming
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Accelerator, Foundation, NodePool, SimulatedPool
from components.nodes.values.capabilities import (
    RESOURCE_API,
    Capability,
    accelerator_of,
    amounts,
    capabilities,
    pool_labels,
)


def nodes(pool: SimulatedPool, foundation: Foundation, labels: Mapping[str, str]) -> list[Manifest]:
    """The pool's machines, spread evenly over its racks."""
    return [_node(index, pool, foundation, labels) for index in range(pool.count)]


def node_name(pool: str, index: int) -> str:
    """The name of a pool's machine; `index` counts from 0."""
    return naming.join(pool, str(index))


def rack(pool: NodePool, index: int) -> str:
    """The rack in which a pool's machine stands."""
    return pool.racks[index % len(pool.racks)]


def _node(index: int, pool: SimulatedPool, foundation: Foundation, labels: Mapping[str, str]) -> Manifest:
    own = {
        naming.RACK: rack(pool, index),
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
        "metadata": meta(node_name(pool.id, index), {**labels, **own, **pool_labels(pool, foundation)}),
        "spec": {},
    }
    node["metadata"]["annotations"] = {"kwok.x-k8s.io/node": "fake"}
    node["status"] = {"capacity": machine, "allocatable": dict(machine)}
    if accelerator := accelerator_of(pool, foundation):
        taint = {"key": naming.ACCELERATOR, "value": accelerator.kind, "effect": "NoSchedule"}
        node["spec"] = {"taints": [taint]}
    return node


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
