"""Node pools: the machines of a twin, and the classes by which accelerators are claimed."""

from __future__ import annotations

import pulumi

from components import naming
from components.block import Block, Cover
from components.model import FoundationOutputs, SimulatedPool
from components.nodes import values
from components.nodes.args import NodePoolsArgs


class NodePools(Block):
    """Simulated pools become nodes and resource slices; other kinds are declared and told."""

    block = "nodes"
    covers = (
        Cover(
            id="N1",
            evidence=(
                "tests/components/nodes/test_component.py::test_simulated_pools_become_nodes_and_slices",
            ),
            partial="Pools of kind openstack and static are declared, not built yet.",
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
            partial="Device classes and claims only: no MIG, time slicing or fractional sharing yet.",
        ),
    )
    outputs: FoundationOutputs

    def __init__(self, name: str, args: NodePoolsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        foundation = args.foundation
        labels = naming.labels(environment=foundation.environment.name, layer="foundation", block=self.block)
        self.add(values.device_class(wanted, labels) for wanted in foundation.device_classes)
        for pool in foundation.pools:
            if isinstance(pool, SimulatedPool):
                # A machine's capacity cannot be changed in place: kubelet, or here the twin, owns it. The new
                # machine has the old one's name, so the old one goes first.
                nodes = self.add(
                    values.nodes(pool, foundation, labels),
                    replace_on_changes=["status"],
                    delete_before_replace=True,
                )
                self.add(values.slices(pool, foundation, labels), depends_on=nodes)
            else:
                pulumi.warn(f"pool {pool.id} of kind {pool.kind} is declared; no machine is made for it yet")
        self.outputs = values.outputs(foundation)
        self.finish(self.outputs.dump())
