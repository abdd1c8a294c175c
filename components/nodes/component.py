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
                "tests/ansible/enroll/test_ironic.py"
                "::test_a_machine_becomes_available_and_the_second_run_changes_nothing",
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
        Cover(
            id="N2",
            evidence=(
                "tests/model/test_bad_files.py::test_bad_files_are_refused",
                "tests/ansible/accelerator/test_rendered.py::test_the_driver_is_pinned_and_nothing_else",
            ),
            partial="No accelerator was at hand: drivers were never installed on one.",
        ),
        Cover(
            id="N4",
            evidence=("tests/ansible/rdma/test_program.py::test_an_interface_is_set_up_in_order",),
            partial="Shown on simulated cards; latency and bandwidth need real ones.",
        ),
        Cover(
            id="N5",
            evidence=("tests/nodes/test_virtual.py::test_disks_are_sealed_survive_a_boot_and_are_wiped",),
            partial="Local disks only, shown in a virtual machine.",
        ),
        Cover(
            id="N6",
            evidence=(
                "tests/ansible/modules/test_validate.py::test_all_that_differs_is_told_together",
                "tests/ansible/playbooks/test_site.py"
                "::test_all_problems_of_all_hosts_are_told_and_nothing_is_changed",
            ),
        ),
        Cover(
            id="N7",
            evidence=(
                "tests/components/nodes/test_openstack.py"
                "::test_each_site_has_its_own_provider_and_nothing_ambient_counts",
            ),
            partial="Sites of one environment are one capacity; several environments are not added up.",
        ),
        Cover(
            id="N8",
            evidence=(
                "tests/ansible/lifecycle/test_cluster.py::test_a_host_leaves_drained_deleted_erased_and_recorded",
                "tests/ansible/lifecycle/test_cluster.py"
                "::test_an_upgrade_that_fails_half_way_stops_and_goes_on_after_the_mend",
            ),
        ),
        Cover(
            id="N9",
            evidence=(
                "tests/nodes/test_judges.py::test_lynis_finds_the_aim_reached",
                "tests/nodes/test_judges.py::test_openscap_finds_the_aim_reached",
                "tests/nodes/test_virtual.py::test_boot_is_proven_and_measuring_survives_it",
            ),
        ),
        Cover(
            id="S1",
            evidence=(
                "tests/ansible/microvm/test_templates.py::test_kata_reads_every_key",
                "tests/nodes/test_virtual.py::test_thin_pool_takes_snapshots_and_survives_a_boot",
            ),
            partial="No microVM was started: no stock guest reaches its init under the KVM that was at hand.",
        ),
        Cover(
            id="X1",
            evidence=("tests/nodes/test_virtual.py::test_boot_is_proven_and_measuring_survives_it",),
            partial="Shown in a virtual machine with a software TPM.",
        ),
        Cover(
            id="X5",
            evidence=("tests/ansible/base/test_templates.py::test_audit_rules_have_the_form_of_auditctl",),
            partial="The audit of hosts only: no runtime detection, no image scanning yet.",
        ),
        Cover(
            id="X7",
            evidence=("tests/ansible/base/test_templates.py::test_sudo_takes_its_rules",),
            partial="Administration of nodes is recorded; approvals and break-glass are not here yet.",
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
