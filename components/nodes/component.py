"""Node pools: the machines of an environment, and the classes by which accelerators are claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components import naming
from components.block import Block, Cover
from components.model import FoundationOutputs, SimulatedPool
from components.nodes import values
from components.nodes.args import DeviceClassesArgs, NodePoolsArgs, OpenStackSiteArgs
from components.nodes.values import openstack
from components.openstack import output, provider, register

_UNPROTECTED: Final = ("twin", "development")
"""Kinds of environments whose machines may go without being asked for."""


class NodePools(Block):
    """Simulated pools become nodes and resource slices, those of OpenStack machines in its sites.

    The machines of static pools are there already. `exported` is `outputs` with the machines that OpenStack
    makes, whose addresses only the update knows.
    """

    block = "nodes"
    covers = (
        Cover(
            id="N1",
            evidence=(
                "tests/components/nodes/test_component.py::test_simulated_pools_become_nodes_and_slices",
                "tests/components/nodes/test_openstack.py::test_a_site_becomes_machines",
                "tests/contracts/test_openstack_schema.py::test_every_input_is_one_of_the_provider",
            ),
            partial="Pools of kind openstack were not deployed to a real cloud by this release.",
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
    exported: Mapping[str, Any]

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
        made = [
            OpenStackSite(
                cloud.id,
                OpenStackSiteArgs(foundation=foundation, site=cloud.id),
                pulumi.ResourceOptions(parent=self),
            )
            for cloud in openstack.clouds(foundation)
        ]
        told = self.outputs.dump()
        self.exported = told | {"hosts": told["hosts"] + [host for site in made for host in site.hosts]}
        self.finish(self.exported)

    def _simulate(self, pool: SimulatedPool, args: NodePoolsArgs, labels: Mapping[str, str]) -> None:
        # A machine's capacity cannot be changed in place: kubelet, or here the twin, owns it. The new
        # machine has the old one's name, so the old one goes first.
        nodes = self.add(
            values.nodes(pool, args.foundation, labels),
            replace_on_changes=["status"],
            delete_before_replace=True,
        )
        self.add(values.slices(pool, args.foundation, labels), depends_on=nodes)


class OpenStackSite(Block):
    """The networks and machines of one site, by its own provider, so that nothing ambient counts.

    All of it is protected where people rely on it. `hosts` are its machines as the inventory is told of them.
    """

    block = "nodes"
    covers = (
        Cover(
            id="N1",
            evidence=("tests/components/nodes/test_openstack.py::test_what_people_rely_on_is_protected",),
            partial="Enrolment of bare metal is a verb of its own, before the foundation.",
        ),
    )
    hosts: list[dict[str, Any]]

    def __init__(
        self, name: str, args: OpenStackSiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        cloud = next(one for one in openstack.clouds(args.foundation) if one.id == args.site)
        own = pulumi.ResourceOptions(parent=self)
        to = provider(cloud.key("provider"), cloud=cloud.spec.cloud, region=cloud.spec.region, opts=own)
        protect = args.foundation.environment.kind not in _UNPROTECTED
        made = register(openstack.plan(cloud), to, pulumi.ResourceOptions(parent=self, protect=protect))
        self.hosts = [
            openstack.host(one).dump() | {"address": output(made, openstack.address(cloud, one))}
            for one in cloud.machines()
        ]
        api = openstack.api_address(cloud)
        self.finish({"hosts": self.hosts, "api": output(made, api) if api else None})


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
