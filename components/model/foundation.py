"""The foundation: environment, sites and zones, networks, accelerators by capability, node pools."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from components.model.accelerators import Accelerator, DeviceClass
from components.model.base import Model
from components.model.hosts import Hosts
from components.model.openstack import OpenStackSite
from components.model.pools import NodePool, SimulatedPool
from components.model.types import Cidr, Part, Slug

EnvironmentKind: TypeAlias = Literal["twin", "development", "production", "sovereign"]
NetworkRole: TypeAlias = Literal["pods", "services", "management", "fabric", "storage", "public"]


class Site(Model):
    """A data centre, or a cloud: all that is managed at one place."""

    id: Part = Field(description="Id, unique in the environment.")
    openstack: OpenStackSite | None = Field(default=None, description="Its OpenStack, where it has one.")


class Zone(Model):
    """A failure domain: a room or a hall with its own power and network."""

    id: Part = Field(description="Id, unique in the environment.")
    racks: tuple[Part, ...] = Field(min_length=1, description="Racks, unique in the environment.")
    site: Part | None = Field(default=None, description="Id of the site it is in.")


class Environment(Model):
    """What is being built, and where."""

    name: Part = Field(description="Name; equal to the `<env>` in the names of its files.")
    kind: EnvironmentKind = Field(
        description="`twin` is simulated; `sovereign` has no connection to the outside."
    )
    region: Part = Field(description="Region label of all nodes.")
    zones: tuple[Zone, ...] = Field(min_length=1, description="Failure domains.")


class Network(Model):
    """An address range with one purpose. Ranges never overlap."""

    id: Slug = Field(description="Id, unique in the environment.")
    role: NetworkRole = Field(description="What uses it; `fabric` joins accelerators (RDMA).")
    cidr: Cidr = Field(description="The range, IPv4 or IPv6, without host bits.")
    zone: Part | None = Field(default=None, description="The zone it is in; without it, all zones.")


class Foundation(Model):
    """The stack `<env>.foundation`."""

    environment: Environment = Field(description="Name, kind and zones of the environment.")
    networks: tuple[Network, ...] = Field(min_length=1, description="Address ranges.")
    accelerators: tuple[Accelerator, ...] = Field(default=(), description="Accelerator models in use.")
    device_classes: tuple[DeviceClass, ...] = Field(default=(), description="Classes that workloads claim.")
    pools: tuple[NodePool, ...] = Field(min_length=1, description="Node pools.")
    sites: tuple[Site, ...] = Field(default=(), description="Data centres and clouds.")
    hosts: Hosts | None = Field(
        default=None, description="Settings of all real machines; needed where there are any."
    )

    @property
    def simulated(self) -> bool:
        """Whether its machines are objects of a cluster that is there before them."""
        return any(isinstance(pool, SimulatedPool) for pool in self.pools)

    def site_of(self, zone: str) -> Site | None:
        """The site that a zone is in; None where it names none."""
        named = {each.id: each.site for each in self.environment.zones}.get(zone)
        return next((site for site in self.sites if site.id == named), None)

    def accelerator(self, model: str) -> Accelerator:
        """Raises `KeyError` where no accelerator has this id."""
        return {each.id: each for each in self.accelerators}[model]
