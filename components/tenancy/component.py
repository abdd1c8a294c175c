"""Tenancy: a tenant's namespaces, closed and bounded before anything runs in them."""

from __future__ import annotations

import pulumi

from components.block import Block, Cover
from components.model import TenantOutputs
from components.tenancy import values
from components.tenancy.args import TenancyArgs


class Tenancy(Block):
    """Per namespace: bounds, closed doors, roles and the agents' service account."""

    block = "tenancy"
    covers = (
        Cover(
            id="T1",
            evidence=(
                "tests/components/tenancy/test_component.py::test_guards_follow_their_namespace",
                "tests/components/tenancy/test_values.py::test_every_device_class_is_bounded",
            ),
            partial="Namespaces, quotas, network, roles, costs; no queues, keys, budgets or memory yet.",
        ),
        Cover(
            id="T2",
            evidence=(
                "drill:tenancy.cross-tenant-reads",
                "drill:tenancy.device-quota",
                "drill:tenancy.default-deny",
                "drill:tenancy.privileged-pod",
            ),
            partial="Access, quota and secrets; routes come with the gateway, packets need a real network.",
        ),
        Cover(
            id="X2",
            evidence=("drill:tenancy.no-escalation",),
            partial="Roles with least privilege; no single sign-on, SPIFFE or just-in-time access yet.",
        ),
        Cover(
            id="X3",
            evidence=("drill:tenancy.default-deny",),
            partial="Default deny; no mutual TLS, zones or WAF yet.",
        ),
    )
    outputs: TenantOutputs

    def __init__(self, name: str, args: TenancyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        environment, tenant, protect = args.environment, args.tenant, args.protect
        for entry in tenant.namespaces:
            home = self.add([values.namespace_of(environment, tenant, entry)], protect=protect)
            inside = [
                *values.guards(environment, tenant, entry, args.device_classes),
                *values.access(environment, tenant, entry),
            ]
            # The engine deletes what is inside first: unprotected, the fences would fall before the
            # namespace is refused.
            self.add(inside, depends_on=home, protect=protect)
        self.outputs = values.outputs(tenant)
        self.finish(self.outputs.dump())
