"""A tenant: an enterprise on the platform, its departments and their users."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from components.model.base import Model
from components.model.grants import TenantGateway
from components.model.quota import Limits, Quota
from components.model.types import CostCenter, EmailAddress, Group, Part, Slug, TenantId, Text

Role: TypeAlias = Literal["admin", "developer", "auditor"]
"""What people do in a tenant. Agents are no people: they have a service account in each namespace."""


class User(Model):
    """A person of a department."""

    id: Slug = Field(description="Name that the identity provider gives, unique in the tenant.")
    role: Role = Field(description="What the user may do.")


class Department(Model):
    """A part of a tenant with its own owner, cost center and quota."""

    id: Part = Field(description="Id, unique in the tenant; part of namespace names.")
    owner: EmailAddress = Field(description="Who answers for it.")
    cost_center: CostCenter = Field(description="Where its cost is booked.")
    quota: Quota = Field(description="Its share of the tenant's quota.")
    users: tuple[User, ...] = Field(default=(), description="Its users.")


class TenantNamespace(Model):
    """A namespace for one purpose, named `<tenant>-<department>-<purpose>`."""

    purpose: Part = Field(description="What it is for; part of its name.")
    department: Part | None = Field(
        default=None, description="Id of the department it belongs to; without it, the tenant as a whole."
    )
    data_class: Slug = Field(description="Most sensitive class of data in it; one of the tenant's.")
    quota: Quota = Field(description="Its share of the department's (or tenant's) quota.")


class Access(Model):
    """The identity provider's groups that hold each role in the tenant."""

    admin: tuple[Group, ...] = Field(min_length=1, description="May manage the tenant's namespaces.")
    developer: tuple[Group, ...] = Field(default=(), description="May deploy workloads.")
    auditor: tuple[Group, ...] = Field(default=(), description="May read all but secrets.")


class Tenant(Model):
    """An enterprise on the platform."""

    id: TenantId = Field(description="Id; equal to the `<tenant>` in the name of its file.")
    name: Text = Field(description="Name for people.")
    level: Literal["platform", "enterprise"] = Field(
        description="`enterprise` for a customer; `platform` for the platform team's own workloads."
    )
    owner: EmailAddress = Field(description="Who answers for it.")
    cost_center: CostCenter = Field(description="Where its cost is booked.")
    data_classes: tuple[Slug, ...] = Field(min_length=1, description="Data classes it may hold.")
    quota: Quota = Field(description="The most that it may use.")
    departments: tuple[Department, ...] = Field(default=(), description="Its departments.")
    namespaces: tuple[TenantNamespace, ...] = Field(min_length=1, description="Its namespaces.")
    container_defaults: Limits = Field(description="What a container gets that asks for nothing.")
    container_maximum: Limits = Field(description="The most that one container may ask for.")
    access: Access = Field(description="Who holds which role.")

    def namespace_name(self, namespace: TenantNamespace) -> str:
        """What `components.naming.namespace` gives: the bounds of the parts keep it whole."""
        return "-".join(part for part in (self.id, namespace.department, namespace.purpose) if part)

    @property
    def gateway_namespace(self) -> str:
        """The namespace of its routes, keys and limits; the platform owns it."""
        return f"{self.id}-gateway"


class TenantStack(Model):
    """The stack `<env>.<tenant>`."""

    tenant: Tenant = Field(description="The tenant.")
    gateway: TenantGateway | None = Field(
        default=None, description="What it may use of the AI gateway; without it, nothing."
    )
