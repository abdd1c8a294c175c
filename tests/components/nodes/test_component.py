"""The nodes block as registered."""

from __future__ import annotations

import json
from typing import Any

from components.model import FoundationOutputs, StaticPool
from components.model.loading import EnvironmentModel
from components.nodes import values
from components.nodes.args import DeviceClassesArgs, NodePoolsArgs
from components.nodes.component import DeviceClasses, NodePools
from tests.support.registrations import Recording, record


def pools(model: EnvironmentModel, **changes: Any) -> Recording:
    foundation = model.foundation.model_copy(update=changes)
    return record(lambda: NodePools("pools", NodePoolsArgs(foundation=foundation)))


def test_simulated_pools_become_nodes_and_slices(model: EnvironmentModel) -> None:
    recording = pools(model)
    assert len(recording.kind("Node")) == 14
    assert len(recording.kind("DeviceClass")) == 4
    slices = recording.kind("ResourceSlice")
    assert len(slices) == 9
    for found in slices:
        assert f"node/{found.inputs['spec']['nodeName']}" in found.after
    assert {found.replace_on for found in recording.kind("Node")} == {("status",)}


def static(model: EnvironmentModel) -> StaticPool:
    known = model.foundation.pools[1].model_dump(exclude={"kind", "count", "id"})
    keys = [f"SHA256:{letter * 43}" for letter in "AB"]
    hosts = [{"name": f"m-{i}", "address": "10.8.0.9", "port": 22 + i, "host_key": keys[i]} for i in (0, 1)]
    return StaticPool.model_validate({**known, "id": "owned", "kind": "static", "hosts": hosts})


def test_machines_that_are_there_are_told_to_the_inventory(model: EnvironmentModel) -> None:
    recording = pools(model, pools=(static(model),))
    assert recording.kind("Node") == []
    assert recording.kind("DeviceClass") == [], "there is no cluster yet"
    told = values.outputs(model.foundation.model_copy(update={"pools": (static(model),)}))
    assert FoundationOutputs.parse(json.loads(json.dumps(told.dump()))) == told
    assert [(host.name, host.rack, host.port) for host in told.hosts] == [
        ("m-0", "a1", 22),
        ("m-1", "a2", 23),
    ]
    assert told.pools[0].labels["bastide.dev/pool"] == "owned"
    assert told.pools[0].taints == ("bastide.dev/accelerator=gpu:NoSchedule",)


def test_classes_come_with_the_platform_where_machines_are_real(model: EnvironmentModel) -> None:
    args = DeviceClassesArgs(environment="site", device_classes=model.foundation.device_classes)
    recording = record(lambda: DeviceClasses("classes", args))
    assert len(recording.kind("DeviceClass")) == 4
