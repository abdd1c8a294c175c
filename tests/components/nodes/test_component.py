"""The nodes block as registered."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.model import OpenStackPool
from components.model.loading import EnvironmentModel
from components.nodes.args import NodePoolsArgs
from components.nodes.component import NodePools
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


def test_other_pools_are_declared_and_told(model: EnvironmentModel, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    simulated = model.foundation.pools[0].model_dump(exclude={"kind"})
    more = {"flavor": "m1", "image": "debian", "network": "management", "key_pair": "ops"}
    metal = OpenStackPool.model_validate({**simulated, **more, "id": "metal", "kind": "openstack"})
    recording = pools(model, pools=(metal,))
    assert recording.kind("Node") == []
    assert warnings == ["pool metal of kind openstack is declared; no machine is made for it yet"]
    assert recording.outputs["pools"]["pools"][0]["kind"] == "openstack"
    assert recording.outputs["pools"]["nodes"] == 2
