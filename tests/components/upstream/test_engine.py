"""Upstream under the real engine, on a control plane of its own: definitions belong to the whole cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components import naming
from components.cluster import ApiError, Cluster
from components.upstream import catalog, values
from components.upstream.catalog import Chart
from tests.support.engine import Engine, Project
from tests.support.plane import Plane
from twin.controlplane.lifecycle import start_plane

pytestmark = [pytest.mark.plane, pytest.mark.engine]

PROGRAM = """
    import json
    from dataclasses import replace
    from pathlib import Path
    import pulumi
    from components.kubernetes import KubernetesObject
    from components.model import UpstreamSettings
    from components.upstream import catalog
    from components.upstream.args import UpstreamArgs
    from components.upstream.component import Upstream

    given = json.loads(Path("given.json").read_text())
    charts = {chart.name: chart for chart in catalog.charts()}
    [only] = charts["cert-manager"].definitions
    if versions := given.get("versions"):
        definitions = (replace(only, versions=tuple(versions)),)
        charts["cert-manager"] = replace(charts["cert-manager"], definitions=definitions)
    upstream = Upstream(
        "upstream",
        UpstreamArgs(
            environment="twin",
            settings=UpstreamSettings.model_validate(given["settings"]),
            charts=tuple(charts[name] for name in given["charts"]),
            values={},
            owner="platform@bastide.example",
            cost_center="cc-0001",
            protect=False,
        ),
    )
    pulumi.export("standIns", list(upstream.outputs.stand_ins))
    pulumi.export("external", list(upstream.outputs.external))
    for name in given.get("certificates", ()):
        manifest = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"secretName": name},
        }
        KubernetesObject(f"certificate/{name}", manifest, pulumi.ResourceOptions(depends_on=[upstream]))
"""
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CILIUM, CERT_MANAGER = catalog.charts()[:2]


@pytest.fixture(scope="module")
def started(own_plane: Plane) -> Plane:
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    return own_plane


@pytest.fixture
def cluster(started: Plane) -> Iterator[Cluster]:
    """Without any definition at the end."""
    with started.cluster() as client:
        yield client
        for found in client.items(DEFINITIONS):
            client.request("DELETE", f"{DEFINITIONS}/{found['metadata']['name']}")


@pytest.fixture
def project(engine: Engine, started: Plane, cluster: Cluster) -> Project:
    made = engine.project(PROGRAM, environ={"KUBECONFIG": str(started.kubeconfig)})
    made.config("kubernetes:context", started.context)
    return made


def write(project: Project, mode: str = "stand-ins", **given: Any) -> None:
    settings = {"mode": mode, **given.pop("settings", {})}
    whole = {"charts": ["cert-manager"], "settings": settings, **given}
    (project.root / "given.json").write_text(json.dumps(whole))


def live(cluster: Cluster, name: str) -> dict[str, Any] | None:
    try:
        return cluster.get(f"{DEFINITIONS}/{name}")
    except ApiError as error:
        if error.code == 404:
            return None
        raise


def real(chart: Chart) -> dict[str, Any]:
    """A definition as its maker writes it: with a schema, and not ours."""
    [definition] = chart.definitions
    made = values.stand_in(definition, chart, {})
    made["metadata"] = {"name": definition.name}
    schema = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"] = {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return made


@pytest.mark.timeout(900)  # an API server was seen to hold a definition for two minutes
def test_objects_land_on_stand_ins_and_go_with_them(project: Project, cluster: Cluster) -> None:
    every = [chart.name for chart in catalog.charts()]
    write(project, charts=every, certificates=["web"])
    project.up().ok()
    assert project.outputs()["standIns"] == list(dict.fromkeys(chart.title for chart in catalog.charts()))
    for chart in catalog.charts():
        for definition in chart.definitions:
            found = live(cluster, definition.name)
            assert found is not None
            assert found["metadata"]["annotations"][naming.STAND_IN] == "true"
            served = {version["name"] for version in found["spec"]["versions"] if version["served"]}
            assert served == set(definition.versions)
    kept = cluster.get("/apis/cert-manager.io/v1/namespaces/default/certificates/web")
    assert kept["spec"] == {"secretName": "web"}
    assert set(project.up().ok().ops().values()) == {"same"}
    project.destroy(timeout=600).ok()
    assert cluster.items(DEFINITIONS) == []


@pytest.mark.fault
def test_a_real_definition_is_not_taken_over(project: Project, cluster: Cluster) -> None:
    before = cluster.request("POST", DEFINITIONS, real(CERT_MANAGER), params={"fieldManager": "helm"})
    write(project)
    project.up().failed('conflict with "helm"', "write `bastide:upstream: {mode: external}`")
    after = live(cluster, before["metadata"]["name"])
    assert after is not None
    assert after["spec"] == before["spec"]
    assert naming.STAND_IN not in after["metadata"].get("annotations", {})


@pytest.mark.fault
def test_a_stored_version_is_not_dropped(project: Project, cluster: Cluster) -> None:
    write(project, versions=["v1"], certificates=["web"])
    project.up().ok()
    write(project, versions=["v2"], certificates=["web"])
    words = ("v1 was previously a storage version, and must remain in spec.versions", "storage migration")
    project.preview().failed(*words)
    project.up().failed(*words)
    write(project, versions=["v2", "v1"], certificates=["web"])
    project.up().ok()
    assert cluster.get("/apis/cert-manager.io/v1/namespaces/default/certificates/web")["spec"]


def test_a_chart_is_installed_after_what_the_cluster_brings(project: Project, cluster: Cluster) -> None:
    chart = project.root / "charts" / CERT_MANAGER.archive
    chart.parent.mkdir()
    chart.write_text(json.dumps(real(CERT_MANAGER)))
    tools = project.root / "tools"
    tools.mkdir()
    # Stands for Helm: `helm template NAME CHART ...` renders the chart as it is.
    (tools / "helm").write_text('#!/bin/sh\ncat "$3"\n')
    (tools / "helm").chmod(0o755)
    path = {"PATH": f"{tools}:{project.environ['PATH']}"}
    settings = {"mirror": str(chart.parent)}
    write(project, "charts", settings=settings, charts=["cilium", "cert-manager"], certificates=["web"])
    project.up(**path).failed("cilium.io/v2 of cilium 1.20.0", "does not exist")
    [network] = CILIUM.definitions
    cluster.request("POST", DEFINITIONS, values.stand_in(network, CILIUM, {}))
    project.up(**path).ok()
    assert project.outputs() == {"standIns": [], "external": ["cilium 1.20.0"]}
    found = live(cluster, "certificates.cert-manager.io")
    assert found is not None
    assert naming.STAND_IN not in found["metadata"].get("annotations", {})
    assert cluster.get("/apis/cert-manager.io/v1/namespaces/default/certificates/web")["spec"]
    assert set(project.up(**path).ok().ops().values()) <= {"same", "read"}
    project.destroy().ok()


def test_what_others_install_is_looked_for(project: Project, cluster: Cluster) -> None:
    write(project, "external", certificates=["web"])
    project.preview().failed("cert-manager.io/v1 of cert-manager 1.21.1", "does not exist")
    project.up().failed("cert-manager.io/v1 of cert-manager 1.21.1")
    cluster.request("POST", DEFINITIONS, real(CERT_MANAGER))
    project.up().ok()
    assert project.outputs() == {"standIns": [], "external": ["cert-manager 1.21.1"]}
    project.destroy().ok()
    assert live(cluster, "certificates.cert-manager.io") is not None
