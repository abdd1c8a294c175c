"""What all real machines of an environment share: who may log in, time, mirrors, Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from components.model.base import Model
from components.model.gateway_types import HttpsUrl
from components.model.machine_types import FilePath, RegistryName, SigningKey, SshKey, WebUrl
from components.model.types import Address, Cidr, Digest, Flag, Part, Port, Slug, Text


class Administrator(Model):
    """A person who may log in to the machines."""

    name: Part = Field(description="User name on the machines.")
    keys: tuple[SshKey, ...] = Field(min_length=1, description="Public keys, as in `authorized_keys`.")


class ArtifactStore(Model):
    """A mirror of the programs that are not packages of the distribution, pinned as a whole.

    `bastide nodes bundle` makes it: a folder with `index.json`, which states the digest of every file.
    """

    url: WebUrl = Field(description="Where the folder is served.")
    digest: Digest = Field(description="SHA-256 of its `index.json`.")


class ControlPlane(Model):
    """The Kubernetes API that the machines join."""

    endpoint: Address = Field(description="Name or address under which all control plane machines answer.")
    port: Port = Field(default=6443, description="Port of the API.")
    shared: Flag = Field(
        default=False,
        description="Whether its machines share the endpoint's address among themselves (VRRP); else a load "
        "balancer, or the one machine, has it. Needs an IPv4 address, and no OpenStack.",
    )


class VendorRepository(Model):
    """A package repository of an accelerator's vendor, or a mirror of one."""

    vendor: Slug = Field(description="Vendor, as accelerators name it.")
    name: Slug = Field(description="Name of its file for apt, unique.")
    url: WebUrl = Field(description="Base of the repository.")
    suite: Text = Field(default="/", description="Suite; `/` for a flat repository.")
    components: tuple[Slug, ...] = Field(default=(), description="Components; none for a flat repository.")
    key: SigningKey = Field(description="Public key that signs it.")


class Journal(Model):
    """Where journals are sent, and the files on the machines by which both sides know each other."""

    sink: HttpsUrl = Field(description="Address, as systemd-journal-upload speaks it.")
    ca: FilePath = Field(description="Certificates of the authorities that sign the sink's.")
    certificate: FilePath = Field(description="Certificate of the machine.")
    key: FilePath = Field(description="Its private key, born on the machine.")


class Hosts(Model):
    """Settings of all real machines."""

    administration: tuple[Cidr, ...] = Field(min_length=1, description="Ranges from which SSH is reached.")
    administrators: tuple[Administrator, ...] = Field(min_length=1, description="Who may log in.")
    time_servers: tuple[Address, ...] = Field(min_length=1, description="NTP servers.")
    artifacts: ArtifactStore = Field(description="Mirror of programs.")
    control_plane: ControlPlane = Field(description="The Kubernetes API.")
    package_mirror: WebUrl | None = Field(
        default=None, description="Mirror of the distribution; without it, the sources of the image."
    )
    registry_mirrors: Mapping[RegistryName, WebUrl] = Field(
        default={}, description="Mirror of container images by registry."
    )
    vendor_repositories: tuple[VendorRepository, ...] = Field(
        default=(), description="Where drivers of accelerators come from."
    )
    journal: Journal | None = Field(default=None, description="Where journals are sent; else they stay.")
