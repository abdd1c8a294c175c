"""The tenancy block as registered."""

from __future__ import annotations

import pytest

from components.model.loading import EnvironmentModel
from components.tenancy.args import TenancyArgs
from components.tenancy.component import Tenancy
from tests.support.registrations import Recording, record


def tenancy(model: EnvironmentModel, protect: bool = False) -> Recording:
    args = TenancyArgs(
        environment="twin", tenant=model.tenants["acme"], device_classes=("gpu", "npu"), protect=protect
    )
    return record(lambda: Tenancy("acme", args))


def test_guards_follow_their_namespace(model: EnvironmentModel) -> None:
    recording = tenancy(model)
    namespaces = {found.inputs["metadata"]["name"]: found.name for found in recording.kind("Namespace")}
    inside = [found for found in recording.resources if found.inputs.get("metadata", {}).get("namespace")]
    assert len(namespaces) == 3
    assert {found.inputs["metadata"]["namespace"] for found in inside} == set(namespaces)
    for found in inside:
        assert namespaces[found.inputs["metadata"]["namespace"]] in found.after, found.name
        assert found.parent == "acme"


@pytest.mark.parametrize("protect", [True, False])
def test_all_of_a_namespace_is_protected_where_asked(model: EnvironmentModel, protect: bool) -> None:
    objects = [found for found in tenancy(model, protect).resources if found.parent]
    assert len(objects) > 40
    assert {found.protect for found in objects if found.type.startswith("kubernetes:")} == {protect}


def test_outputs_are_registered(model: EnvironmentModel) -> None:
    outputs = tenancy(model).outputs["acme"]
    assert outputs["tenant"] == "acme"
    assert outputs["namespaces"]["research-models"] == "acme-research-models"
    assert outputs["serviceAccounts"]["sandboxes"] == "acme-sandboxes/agent"
    assert outputs["groups"]["developer"] == ["bastide:acme:developer"]
