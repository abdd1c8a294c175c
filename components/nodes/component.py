"""Node pools: the machines of an environment, and the classes by which accelerators are claimed."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components import naming
from components.block import Block, Cover
from components.model import FoundationOutputs, SimulatedPool
from components.nodes import values
from components.nodes.args import DeviceClassesArgs, NodePoolsArgs


class NodePools(Block):
    """Simulated pools become nodes and resource slices; the machines of static pools are there already."""

    block = "nodes"
    covers = (
        Cover(
            id="N1",
            evidence=(
                "tests/components/nodes/test_component.py::test_simulated_pools_become_nodes_and_slices",
            ),
            partial="Pools of kind openstack are declared, not built yet.",
        ),
        Cover(
            id="N3",
            evidence=(
                "tests/components/test_drills.py::test_every_drill_passes_on_the_real_scheduler",
                "drill:nodes.placement",
                "drill:nodes.no-match",
            ),
        ),
        Cover(
            id="C2",
            evidence=("drill:nodes.placement",),
            partial="Device classes and claims only: no time slicing or fractional sharing yet.",
        ),
    )
    outputs: FoundationOutputs

    def __init__(self, name: str, args: NodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        foundation = args.foundation
        labels = naming.labels(environment=foundation.environment.name, layer="foundation", block=self.block)
        if foundation.simulated:
            self.add(values.device_class(wanted, labels) for wanted in foundation.device_classes)
        for pool in foundation.pools:
            if isinstance(pool, SimulatedPool):
                self._simulate(pool, args, labels)
        self.outputs = values.outputs(foundation)
        self.finish(self.outputs.dump())

    def _simulate(self, pool: SimulatedPool, args: NodePoolsArgs, labels: Mapping[str, str]) -> None:
        # A machine's capacity cannot be changed in place: kubelet, or here the twin, owns it. The new
        # machine has the old one's name, so the old one goes first.
        nodes = self.add(
            values.nodes(pool, args.foundation, labels),
            replace_on_changes=["status"],
            delete_before_replace=True,
        )
        self.add(values.slices(pool, args.foundation, labels), depends_on=nodes)


class DeviceClasses(Block):
    """The classes on their own: where machines are real, the cluster comes after the foundation."""

    block = "nodes"
    covers = (
        Cover(
            id="N3",
            evidence=(
                "tests/components/nodes/test_component.py"
                "::test_classes_come_with_the_platform_where_machines_are_real",
            ),
        ),
    )

    def __init__(
        self, name: str, args: DeviceClassesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        labels = naming.labels(environment=args.environment, layer="platform", block=self.block)
        self.add(values.device_class(wanted, labels) for wanted in args.device_classes)
        self.finish({"deviceClasses": [wanted.id for wanted in args.device_classes]})
