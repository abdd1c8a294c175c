"""The Upstream component as registered."""

from __future__ import annotations

from typing import Any

import pytest

from components.model import UpstreamSettings
from components.upstream import catalog
from components.upstream.args import UpstreamArgs
from components.upstream.component import Upstream
from tests.support.registrations import Recording, record

DEFINITION = "CustomResourceDefinition"
CHARTS = catalog.charts()
PROVIDED = [chart for chart in CHARTS if chart.provided]
INSTALLED = [chart for chart in CHARTS if not chart.provided]
MIRROR = "/srv/charts"


def upstream(mode: str, mirror: str | None = None, protect: bool = False, **values: Any) -> Recording:
    args = UpstreamArgs(
        environment="twin",
        settings=UpstreamSettings.model_validate({"mode": mode, "mirror": mirror}),
        charts=CHARTS,
        values=values,
        owner="platform@bastide.example",
        cost_center="cc-0001",
        protect=protect,
    )
    return record(lambda: Upstream("upstream", args))


def titles(charts: list[catalog.Chart]) -> list[str]:
    """Each software once."""
    return list(dict.fromkeys(chart.title for chart in charts))


@pytest.mark.parametrize("protect", [True, False])
def test_stand_ins_are_definitions_and_nothing_else(protect: bool) -> None:
    found = upstream("stand-ins", protect=protect)
    made = [one for one in found.resources if one.type.startswith("kubernetes:")]
    names = {one.inputs["metadata"]["name"] for one in made}
    assert {one.type.rsplit(":", 1)[-1] for one in made} == {DEFINITION}
    assert names == {each.name for chart in CHARTS for each in chart.definitions}
    assert {one.protect for one in made} == {protect}
    assert found.outputs["upstream"] == {
        "installed": [],
        "external": [],
        "stand_ins": titles(list(CHARTS)),
    }


def test_external_software_is_read_and_never_made() -> None:
    found = upstream("external")
    assert {one.type for one in found.resources} == {"bastide:upstream:Upstream"}
    assert found.outputs["upstream"]["external"] == titles(list(CHARTS))
    assert found.outputs["upstream"]["stand_ins"] == []


def test_charts_are_pinned_and_come_from_the_mirror() -> None:
    found = upstream("charts", MIRROR, **{"envoy-gateway": {"deployment": {"replicas": 2}}})
    charts = {one.name: one for one in found.kind("Chart")}
    assert set(charts) == {chart.name for chart in INSTALLED}
    gateway = charts["envoy-gateway"]
    assert gateway.inputs == {
        "chart": "/srv/charts/gateway-helm-v1.9.1.tgz",
        "version": "v1.9.1",
        "name": "envoy-gateway",
        "namespace": "envoy-gateway-system",
        "values": {"deployment": {"replicas": 2}},
    }
    assert charts["cert-manager"].inputs["values"] == {"crds": {"enabled": True}}
    assert found.kind(DEFINITION) == []
    assert found.outputs["upstream"] == {
        "installed": titles(INSTALLED),
        "external": titles(PROVIDED),
        "stand_ins": [],
    }


def test_charts_of_a_registry_are_named_without_their_version() -> None:
    [gateway] = [
        one for one in upstream("charts", "oci://r.example/c").kind("Chart") if one.name == "envoy-gateway"
    ]
    assert gateway.inputs["chart"] == "oci://r.example/c/gateway-helm"


def test_each_chart_comes_after_what_it_needs_and_its_namespace() -> None:
    charts = {one.name: one.after for one in upstream("charts", MIRROR).kind("Chart")}
    for chart in INSTALLED:
        assert set(chart.needs) <= charts[chart.name]
        assert f"namespace/{chart.namespace}" in charts[chart.name]
        assert f"networkpolicy/{chart.namespace}/default-deny" in charts[chart.name]
