"""What the foundation tells the next layers, and the inventory: pools, machines, capacity."""

from __future__ import annotations

from components import naming
from components.model import (
    Bytes,
    Capacity,
    Cpu,
    Foundation,
    FoundationOutputs,
    HostOutputs,
    NodePool,
    PoolOutputs,
    StaticPool,
    capacity,
)
from components.nodes.values.capabilities import accelerator_of, pool_labels
from components.nodes.values.simulated import rack


def outputs(foundation: Foundation) -> FoundationOutputs:
    """What is known before anything is made. Pools of every kind count: they are declared, and planned with.

    Of the machines only those of static pools are here: OpenStack gives its own their addresses.
    """
    environment = foundation.environment
    return FoundationOutputs(
        environment=environment.name,
        kind=environment.kind,
        region=environment.region,
        zones=tuple(zone.id for zone in environment.zones),
        sites={zone.id: zone.site for zone in environment.zones if zone.site},
        networks=foundation.networks,
        pools=tuple(_pool(pool, foundation) for pool in foundation.pools),
        device_classes=tuple(wanted.id for wanted in foundation.device_classes),
        nodes=sum(pool.count for pool in foundation.pools),
        accelerators=capacity.device_counts(foundation),
        capacity=_capacity(foundation),
        hosts=tuple(
            host for pool in foundation.pools if isinstance(pool, StaticPool) for host in static_hosts(pool)
        ),
        settings=foundation.hosts,
    )


def static_hosts(pool: StaticPool) -> list[HostOutputs]:
    """The machines of a pool that are there already; those that name no rack fill the pool's in turn."""
    return [
        HostOutputs(
            name=host.name,
            pool=pool.id,
            rack=host.rack or rack(pool, index),
            address=host.address,
            port=host.port,
            user=host.user,
            host_key=host.host_key,
        )
        for index, host in enumerate(pool.hosts)
    ]


def _pool(pool: NodePool, foundation: Foundation) -> PoolOutputs:
    found = accelerator_of(pool, foundation)
    told = PoolOutputs(
        id=pool.id,
        kind=pool.kind,
        role=pool.role,
        zone=pool.zone,
        count=pool.count,
        machine=pool.machine,
        accelerator=found,
        accelerators=pool.accelerators,
        labels=pool_labels(pool, foundation),
        taints=(f"{naming.ACCELERATOR}={found.kind}:NoSchedule",) if found else (),
    )
    if pool.kind == "simulated":
        return told
    real = ("control_plane", "rdma", "storage", "trust", "huge_pages")
    return told.model_copy(update={key: getattr(pool, key) for key in real})


def _capacity(foundation: Foundation) -> Capacity:
    """What the machines offer, counted as the rules on quotas count it."""
    machines, devices = capacity.machine_amounts(foundation), capacity.device_counts(foundation)
    return Capacity(
        cpu=Cpu.of(machines["cpu"]),
        memory=Bytes.of(machines["memory"]),
        pods=int(machines["pods"]),
        devices={
            name: sum(devices.get(model, 0) for model in models)
            for name, models in capacity.models_of(foundation).items()
        },
    )
