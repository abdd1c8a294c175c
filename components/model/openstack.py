"""What a site's OpenStack is asked for, beside the machines of its pools."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.model.base import Model
from components.model.machine_types import SshKey, Trait, WebUrl
from components.model.quantity import SomeBytes
from components.model.types import Address, Digest, Flag, Part, PositiveInt, Slug, Text


class OpenStackVolume(Model):
    """A block volume."""

    size: SomeBytes = Field(description="Size; whole GiB.")
    type: Text = Field(description="Volume type: one of the site's `encryptedVolumeTypes`.")


class OpenStackFlavor(Model):
    """A flavor that the site's administrator makes: the role `member` may not."""

    name: Text = Field(description="Name, unique in the site.")
    vcpus: PositiveInt = Field(description="Virtual processors.")
    memory: SomeBytes = Field(description="Memory; whole MiB.")
    disk: SomeBytes = Field(description="Root disk; whole GiB.")
    resource_class: Trait | None = Field(
        default=None, description="Resource class of bare metal, `CUSTOM_...`: the flavor takes a whole node."
    )
    traits: tuple[Trait, ...] = Field(default=(), description="Traits that a node must have.")


class OpenStackImage(Model):
    """An image that is put into the site."""

    name: Text = Field(description="Name, unique in the site.")
    url: WebUrl = Field(description="Where it is fetched from, by Glance.")
    digest: Digest = Field(description="SHA-256 of its bytes, recorded with the image.")
    format: Literal["qcow2", "raw"] = Field(description="Disk format of its bytes.")


class OpenStackKeyPair(Model):
    """A public key for SSH."""

    name: Text = Field(description="Name, unique in the site.")
    public_key: SshKey = Field(description="Public key, as in `authorized_keys`.")


class OpenStackSite(Model):
    """One OpenStack cloud. Credentials stay in `clouds.yaml` and never enter the configuration."""

    cloud: Slug = Field(description="Name in `clouds.yaml`.")
    region: Text = Field(description="Region of that cloud.")
    external_network: Text = Field(description="Name of the network with the way out and floating addresses.")
    name_servers: tuple[Address, ...] = Field(
        min_length=1, description="Addresses of the DNS servers of its subnets."
    )
    load_balancer: Flag = Field(default=False, description="Whether Octavia balances the Kubernetes API.")
    encrypted_volume_types: tuple[Text, ...] = Field(
        default=(), description="Volume types that encrypt: pools may use these, and no others."
    )
    flavors: tuple[OpenStackFlavor, ...] = Field(default=(), description="Flavors to make.")
    images: tuple[OpenStackImage, ...] = Field(default=(), description="Images to put in.")
    key_pairs: tuple[OpenStackKeyPair, ...] = Field(default=(), description="Key pairs to make.")
    availability_zones: dict[Part, Text] = Field(
        default={},
        description="Nova's availability zone by rack or by zone, a rack's own first; without an entry, the "
        "cloud's default.",
    )
