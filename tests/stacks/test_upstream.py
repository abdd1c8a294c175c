"""Third-party software in the platform's stack: as configured, and only where something needs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import naming
from components.model import PlatformOutputs
from components.model.loading import load_environment
from components.upstream import catalog, mirror
from policies.registry import rules
from policies.rule import Planned
from stacks import platform as page
from tests.support.pages import CONFIG, deployed, run, values
from tests.support.registrations import record

STACK = "twin.platform"


def platform(**changes: Any) -> dict[str, Any]:
    return {**values("platform"), **changes}


def stand_ins(given: dict[str, Any]) -> tuple[str, ...]:
    return PlatformOutputs.parse(run(STACK, given=given).exports["platform"], STACK).stand_ins


def test_what_is_stood_in_for_is_told() -> None:
    told = stand_ins(platform())
    assert "envoy-gateway 1.9.1" in told
    assert set(told) == {chart.title for chart in catalog.charts()}
    assert stand_ins(platform(upstream={"mode": "external"})) == ()


def test_the_gateways_objects_come_after_their_definitions() -> None:
    recording = run(STACK)
    definitions = {found.name for found in recording.kind("CustomResourceDefinition")}
    routes = recording.kind("GatewayClass") + recording.kind("AIServiceBackend")
    assert definitions
    assert routes
    assert all(definitions <= found.after for found in routes)


def test_without_a_gateway_nothing_is_needed() -> None:
    model = load_environment(CONFIG, "twin")
    bare = replace(model, platform=model.platform.model_copy(update={"gateway": None}))
    recording = record(lambda: page.deploy(bare), STACK, deployed())
    assert recording.kind("CustomResourceDefinition") == []
    assert recording.exports["platform"]["standIns"] == []


@pytest.mark.fault
def test_a_mirror_without_the_charts_is_refused_before_anything_is_registered(tmp_path: Path) -> None:
    given = platform(upstream={"mode": "charts", "mirror": str(tmp_path)})
    with pytest.raises(pulumi.RunError) as refused:
        run(STACK, given=given)
    installed = [chart for chart in catalog.charts() if not chart.provided]
    assert all(f"{chart.archive} is not there" in str(refused.value) for chart in installed)
    assert mirror.SUMS in str(refused.value)


def test_namespaces_for_charts_obey_the_charter() -> None:
    given = platform(upstream={"mode": "charts", "mirror": "oci://r.example/c"})
    made = [one for one in run(STACK, given=given).resources if one.inputs.get("apiVersion")]
    ours = [one for one in made if one.inputs["metadata"]["labels"][naming.BLOCK] == "upstream"]
    planned = [Planned(type=one.type, urn=one.name, props=one.inputs) for one in ours]
    assert {one.inputs["kind"] for one in ours} >= {"Namespace", "NetworkPolicy", "ResourceQuota"}
    for rule in rules():
        if rule.check_stack is not None:
            assert list(rule.check_stack(planned)) == [], rule.id
        elif rule.check is not None:
            kinds = [one for one in ours if f"{one.inputs['apiVersion']}/{one.inputs['kind']}" in rule.kinds]
            assert [message for one in kinds for message in rule.check(one.inputs)] == [], rule.id


def test_charts_come_from_a_registry_without_a_look_at_folders() -> None:
    charts = run(STACK, given=platform(upstream={"mode": "charts", "mirror": "oci://r.example/c"})).kind(
        "Chart"
    )
    assert {found.inputs["chart"].rpartition("/")[0] for found in charts} == {"oci://r.example/c"}
