"""The program: one page per layer, checked before anything is registered."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.model import FoundationOutputs, PlatformOutputs, TenantOutputs
from tests.support import pages, registrations
from tests.support.pages import run, values
from tests.support.registrations import Recording
from twin.settings import ROOT


@pytest.fixture(scope="module")
def deployed() -> dict[str, Any]:
    """The outputs of the lower layers, as stack references give them."""
    return pages.deployed()


def refused(stack: str, references: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run(stack, references, given)
    return str(caught.value)


def test_foundation_page() -> None:
    recording = run("twin.foundation", {})
    outputs = FoundationOutputs.parse(recording.exports["foundation"], "twin.foundation")
    assert outputs.nodes == len(recording.kind("Node")) == 14


def test_platform_page_puts_the_charter_in_force(deployed: dict[str, Any]) -> None:
    recording = run("twin.platform", deployed)
    outputs = PlatformOutputs.parse(recording.exports["platform"], "twin.platform")
    made = {found.inputs["metadata"]["name"] for found in recording.kind("ValidatingAdmissionPolicy")}
    bound = {
        found.inputs["spec"]["policyName"] for found in recording.kind("ValidatingAdmissionPolicyBinding")
    }
    assert made == bound == set(outputs.admission_policies)
    assert len(made) >= 5


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_tenant_page(deployed: dict[str, Any], name: str) -> None:
    recording = run(f"twin.{name}", deployed)
    outputs = TenantOutputs.parse(recording.exports["tenant"], f"twin.{name}")
    made = {found.inputs["metadata"]["name"] for found in recording.kind("Namespace")}
    assert made == {*outputs.namespaces.values(), recording.exports["gateway"]["namespace"]}
    assert all(found.startswith(f"{name}-") for found in made)


def test_a_tenant_waits_for_its_lower_layers(deployed: dict[str, Any]) -> None:
    message = refused("twin.acme", {**deployed, "twin.platform": {}})
    assert message == (
        "stack twin.platform: it has no output `platform` yet. Deploy it first: `pulumi up -s twin.platform`."
    )


def test_what_a_tenant_names_must_be_deployed(deployed: dict[str, Any]) -> None:
    older = copy.deepcopy(deployed)
    older["twin.foundation"]["foundation"]["deviceClasses"] = ["gpu"]
    assert refused("twin.acme", older) == (
        "tenant acme: device class npu is declared, but not deployed. "
        "Deploy it first: `pulumi up -s twin.foundation`."
    )


def test_outputs_of_another_release_are_told(deployed: dict[str, Any]) -> None:
    older = copy.deepcopy(deployed)
    del older["twin.foundation"]["foundation"]["capacity"]
    message = refused("twin.acme", older)
    assert "stack twin.foundation" in message
    assert "capacity" in message


def test_values_of_the_engine_are_checked_in_place_of_the_file(deployed: dict[str, Any]) -> None:
    given = values("acme")
    given["tenant"]["quota"]["memory"] = "-1Gi"
    given["tenant"]["costCentre"] = "cc-1"
    message = refused("twin.acme", deployed, given)
    assert "quota.memory" in message
    assert "costCentre" in message
    assert "costCenter" in message


def test_nothing_is_registered_where_anything_is_wrong(deployed: dict[str, Any]) -> None:
    recordings: list[Recording] = []
    real = registrations.Recording

    def kept() -> Recording:
        recordings.append(real())
        return recordings[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registrations, "Recording", kept)
        refused("twin.acme", {**deployed, "twin.platform": {}})
    assert [recording.resources for recording in recordings] == [[]]


def test_a_stack_needs_a_layer() -> None:
    assert "must be named <env>.<layer>" in refused("twin", {}, {})


def test_a_stack_without_a_file_is_refused(deployed: dict[str, Any]) -> None:
    assert "initech" in refused("twin.initech", deployed, {})


def test_pages_need_no_provider_sdk() -> None:
    """Their typed modules cost seconds: manifests are registered under the SDK's type tokens instead."""
    code = "import sys, stacks.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"pulumi", "components"} <= loaded
    assert not loaded & {"pulumi_kubernetes", "pulumi_openstack"}
