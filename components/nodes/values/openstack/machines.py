"""Machines: server groups, ports, volumes, servers and floating addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from components.model import Network, OpenStackVolume
from components.nodes.values.openstack import catalog, network, security
from components.nodes.values.openstack.site import Cloud, Machine, gibibytes
from components.openstack import Ref, Wanted

ENCRYPTED: Final = "bastide:encrypted"
"""Metadata of a volume whose type encrypts: the charter cannot read it from the type's name."""

_STOPPED_IS_STOPPED = ["powerState"]
"""Somebody who stops a server means it: without this, the next update would start it again."""
_NEW_ONE = ["flavorId", "flavorName"]
"""Another flavor is another machine: a resize in place may fail half-way, and bare metal has none."""


def server_groups(cloud: Cloud) -> Iterator[Wanted]:
    """Where servers go beside each other.

    Members of the control plane, of whatever pool, never share a host, where their flavor is known to be
    virtual. All others are kept apart as far as hosts go: a hard rule would refuse the second bare-metal
    node, since Nova counts all nodes of one Ironic service as one host, and a pool larger than the hosts.
    Racks are chosen by availability zones, which Nova knows; it knows no racks.
    """
    for name, hard in _groups(cloud).items():
        inputs = {"name": cloud.name(name), "policies": "anti-affinity" if hard else "soft-anti-affinity"}
        yield Wanted(key=cloud.key("servers", name), kind="compute.ServerGroup", inputs=inputs)


def _groups(cloud: Cloud) -> dict[str, bool]:
    control = [pool for pool in cloud.pools if pool.control_plane]
    found = {pool.id: False for pool in cloud.pools if not pool.control_plane}
    if control:
        virtual = all(catalog.bare_metal(cloud, pool.flavor) is False for pool in control)
        found = {security.CONTROL_PLANE: virtual} | found
    return found


def machine(cloud: Cloud, one: Machine) -> Iterator[Wanted]:
    """All that one machine takes, in order."""
    nets = [cloud.network(name) for name in (one.pool.network, *one.pool.more_networks)]
    yield from (_port(cloud, one, net) for net in nets)
    root = one.pool.root_volume
    if root:
        yield _volume(cloud, one, "root", root, image=Ref(key=cloud.key("image", one.pool.image)))
    yield _server(cloud, one, nets)
    for index, volume in enumerate(one.pool.volumes):
        yield _volume(cloud, one, str(index), volume)
        yield Wanted(
            key=cloud.key("attachment", one.name, str(index)),
            kind="compute.VolumeAttach",
            inputs={
                "instance_id": Ref(key=one.name),
                "volume_id": Ref(key=cloud.key("volume", one.name, str(index))),
            },
        )
    if one.pool.floating:
        yield _floating(cloud, one)


def address(cloud: Cloud, one: Machine) -> Ref:
    """Where a machine is reached: its floating address, else that of its first port."""
    if one.pool.floating:
        return Ref(key=cloud.key("floating", one.name), output="address")
    return port_address(cloud, one)


def port_address(cloud: Cloud, one: Machine) -> Ref:
    """The address of a machine in the network with its default route."""
    return Ref(key=cloud.key("port", one.name, one.pool.network), output="all_fixed_ips", index=0)


def _port(cloud: Cloud, one: Machine, net: Network) -> Wanted:
    return Wanted(
        key=cloud.key("port", one.name, net.id),
        kind="networking.Port",
        inputs={
            "name": cloud.name(one.name, net.id),
            "network_id": Ref(key=cloud.key("network", net.id)),
            "fixed_ips": [{"subnet_id": Ref(key=cloud.key("subnet", net.id))}],
            "security_group_ids": security.of_port(cloud, one, net),
            "admin_state_up": True,
            "port_security_enabled": True,
            "tags": cloud.tags(one.pool.id),
        },
    )


def _volume(
    cloud: Cloud, one: Machine, what: str, volume: OpenStackVolume, image: Ref | None = None
) -> Wanted:
    inputs: dict[str, Any] = {
        "name": cloud.name(one.name, what),
        "size": gibibytes(volume.size),
        "volume_type": volume.type,
        "metadata": {**cloud.metadata(one.pool.id), ENCRYPTED: "true"},
    }
    inputs |= {"image_id": image} if image else {}
    return Wanted(key=cloud.key("volume", one.name, what), kind="blockstorage.Volume", inputs=inputs)


def _server(cloud: Cloud, one: Machine, nets: list[Network]) -> Wanted:
    """Networks by port, in order; groups stand on the ports: on a server they read back by name."""
    pool = one.pool
    group = security.CONTROL_PLANE if pool.control_plane else pool.id
    inputs: dict[str, Any] = {
        "name": one.name,
        "flavor_id": Ref(key=cloud.key("flavor", pool.flavor)),
        "key_pair": Ref(key=cloud.key("key-pair", pool.key_pair), output="name"),
        "networks": [{"port": Ref(key=cloud.key("port", one.name, net.id))} for net in nets],
        "scheduler_hints": [{"group": Ref(key=cloud.key("servers", group))}],
        "config_drive": True,
        "stop_before_destroy": True,
        "metadata": {**cloud.metadata(pool.id), "bastide:rack": one.rack},
        "tags": cloud.tags(pool.id),
    }
    if pool.root_volume:
        disk = {"source_type": "volume", "destination_type": "volume", "delete_on_termination": False}
        volume = Ref(key=cloud.key("volume", one.name, "root"))
        inputs["block_devices"] = [{**disk, "uuid": volume, "boot_index": 0}]
    else:
        inputs["image_id"] = Ref(key=cloud.key("image", pool.image))
    if zone := catalog.availability_zone(cloud, one.rack):
        inputs["availability_zone"] = Ref(key=cloud.key("zone", zone))
    return Wanted(
        key=one.name,
        kind="compute.Instance",
        inputs=inputs,
        after=(*(cloud.key("subnet", net.id) for net in nets), network.interface(cloud, pool.network)),
        options={
            "ignore_changes": _STOPPED_IS_STOPPED,
            "replace_on_changes": _NEW_ONE,
            "delete_before_replace": True,  # the new one has the ports of the old one
        },
    )


def _floating(cloud: Cloud, one: Machine) -> Wanted:
    return Wanted(
        key=cloud.key("floating", one.name),
        kind="networking.FloatingIp",
        inputs={
            "pool": cloud.spec.external_network,
            "port_id": Ref(key=cloud.key("port", one.name, one.pool.network)),
            "tags": cloud.tags(one.pool.id),
        },
        after=(network.interface(cloud, one.pool.network),),
    )
