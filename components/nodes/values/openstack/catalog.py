"""What machines are made of: key pairs, images, flavors and availability zones, ours or already there.

What is there already is looked up, so that a wrong name stops the preview and not the update half-way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.model import OpenStackFlavor, OpenStackImage
from components.nodes.values.openstack.site import MIB, Cloud, gibibytes
from components.openstack import Lookup, Ref, Unusable, Wanted


def parts(cloud: Cloud) -> Iterator[Lookup | Wanted]:
    """All of it, by the keys `key-pair/<name>`, `image/<name>`, `flavor/<name>`, `zone/<name>`."""
    spec = cloud.spec
    for pair in spec.key_pairs:
        inputs = {"name": pair.name, "public_key": pair.public_key}
        yield Wanted(key=cloud.key("key-pair", pair.name), kind="compute.Keypair", inputs=inputs)
    yield from (_image(cloud, image) for image in spec.images)
    yield from (_flavor(cloud, flavor) for flavor in spec.flavors)
    for what, kind, ours, used in (
        ("key-pair", "compute.get_keypair", spec.key_pairs, {pool.key_pair for pool in cloud.pools}),
        ("image", "images.get_image", spec.images, {pool.image for pool in cloud.pools}),
        ("flavor", "compute.get_flavor", spec.flavors, {pool.flavor for pool in cloud.pools}),
    ):
        for name in sorted(used - {one.name for one in ours}):
            yield Lookup(key=cloud.key(what, name), kind=kind, inputs={"name": name}, pick=_id)
    zones = {availability_zone(cloud, machine.rack) for machine in cloud.machines()}
    yield from (_zone(cloud, name) for name in sorted(filter(None, zones)))


def quota(cloud: Cloud) -> Iterator[Lookup]:
    """What the project may have, against what all pools need; what others use of it is not counted."""
    machines = list(cloud.machines())
    sizes = {one.name: one for one in cloud.spec.flavors if one.resource_class is None}
    virtual = [sizes[machine.pool.flavor] for machine in machines if machine.pool.flavor in sizes]
    needed = {
        "instances": len(machines),
        "cores": sum(flavor.vcpus for flavor in virtual),
        "ram": sum(int(flavor.memory.value / MIB) for flavor in virtual),
    }

    def pick(found: Any) -> str:
        for name, count in needed.items():
            most = getattr(found, name)
            if 0 <= most < count:
                raise Unusable(
                    f"site {cloud.id}: its pools need {count} {name}, the quota of the project is {most}. "
                    "Lower `count`, or ask the administrator of the cloud for more."
                )
        return str(found.id)

    project = cloud.key("project")
    scope = {"name": cloud.name(cloud.id)}
    yield Lookup(key=project, kind="identity.get_auth_scope", inputs=scope, pick=_project)
    inputs = {"project_id": Ref(key=project)}
    yield Lookup(key=cloud.key("quota"), kind="compute.get_quota_set_v2", inputs=inputs, pick=pick)


def availability_zone(cloud: Cloud, rack: str) -> str | None:
    """Nova's availability zone for machines of a rack: the rack's own, else its zone's."""
    named = cloud.spec.availability_zones
    zone = next(each.id for each in cloud.foundation.environment.zones if rack in each.racks)
    return named.get(rack, named.get(zone))


def bare_metal(cloud: Cloud, flavor: str) -> bool | None:
    """Whether a flavor takes whole nodes; None where the flavor is not ours to know."""
    return next((one.resource_class is not None for one in cloud.spec.flavors if one.name == flavor), None)


def _image(cloud: Cloud, image: OpenStackImage) -> Wanted:
    """Glance fetches it. An ordinary member may not make it public."""
    return Wanted(
        key=cloud.key("image", image.name),
        kind="images.Image",
        inputs={
            "name": image.name,
            "container_format": "bare",
            "disk_format": image.format,
            "image_source_url": image.url,
            "web_download": True,
            "visibility": "private",
            "properties": {"bastide_digest": image.digest},
            "tags": cloud.tags(),
        },
    )


def _flavor(cloud: Cloud, flavor: OpenStackFlavor) -> Wanted:
    """Bare metal is asked for by its resource class alone: one of it, and none of the shares of a host.

    Source: https://docs.openstack.org/ironic/latest/install/configure-nova-flavors.html
    """
    specs = {f"trait:{trait}": "required" for trait in flavor.traits}
    if flavor.resource_class:
        shares = dict.fromkeys(("VCPU", "MEMORY_MB", "DISK_GB"), "0")
        wanted = {flavor.resource_class: "1", **shares}
        specs |= {f"resources:{name}": count for name, count in wanted.items()}
    inputs: dict[str, Any] = {
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": int(flavor.memory.value / MIB),
        "disk": gibibytes(flavor.disk),
        "is_public": True,
    }
    inputs |= {"extra_specs": specs} if specs else {}
    return Wanted(key=cloud.key("flavor", flavor.name), kind="compute.Flavor", inputs=inputs)


def _zone(cloud: Cloud, name: str) -> Lookup:
    def pick(found: Any) -> str:
        if name not in found.names:
            raise Unusable(
                f"site {cloud.id}: availabilityZones: Nova has none that is called {name} and available. "
                f"Use one of: {', '.join(found.names)}."
            )
        return name

    inputs = {"state": "available"}
    return Lookup(
        key=cloud.key("zone", name), kind="compute.get_availability_zones", inputs=inputs, pick=pick
    )


def _project(found: Any) -> str:
    return str(found.project_id)


def _id(found: Any) -> str:
    return str(found.id)
