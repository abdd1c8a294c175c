"""Pure values of the nodes block."""

from components.nodes.values.capabilities import (
    RESOURCE_API,
    accelerator_of,
    amounts,
    capabilities,
    device_class,
    framework,
    pool_labels,
    selection,
)
from components.nodes.values.outputs import outputs
from components.nodes.values.simulated import node_name, nodes, rack, slices

__all__ = [
    "RESOURCE_API",
    "accelerator_of",
    "amounts",
    "capabilities",
    "device_class",
    "framework",
    "node_name",
    "nodes",
    "outputs",
    "pool_labels",
    "rack",
    "selection",
    "slices",
]
