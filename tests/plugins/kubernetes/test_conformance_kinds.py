"""Reads, imports, Patch kinds, groups of manifests, charts."""

from __future__ import annotations

import pytest

from tests.support.objects import Entry, Workspace, deployment_spec

pytestmark = [pytest.mark.engine, pytest.mark.plane]

MANIFESTS = """
apiVersion: v1
kind: ConfigMapList
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: "1", day: 2026-01-01}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: two}, data: {a: "2"}}
---
---
apiVersion: v1
kind: Secret
metadata: {name: three}
stringData: {key: in-the-yaml}
"""


def test_get_and_import(workspace: Workspace) -> None:
    """An import of what was applied, and of what was created, gives a clean next preview."""
    project = workspace.project
    applied = workspace.object("apps/v1", "Deployment", "applied", spec=deployment_spec(0))
    path = workspace.path("deployments", "applied", "/apis/apps/v1")
    workspace.cluster.request(
        "PATCH",
        path,
        applied,
        params={"fieldManager": "kubectl"},
        content_type="application/apply-patch+yaml",
    )
    workspace.cluster.request("POST", workspace.path("configmaps"), workspace.config_map("created", a="1"))
    workspace.write(
        Entry(
            name="got",
            manifest={"apiVersion": "v1", "kind": "ConfigMap"},
            export="data",
            options={"get": f"{workspace.namespace}/created"},
        ),
        Entry(name="applied", manifest=applied, options={"import_": f"{workspace.namespace}/applied"}),
        Entry(
            name="created",
            manifest=workspace.config_map("created", a="1"),
            options={"import_": f"{workspace.namespace}/created"},
        ),
    )
    done = project.up().ok()
    assert done.ops() == {"got": "read", "applied": "import", "created": "import"}
    assert project.outputs() == {"got": {"a": "1"}}
    workspace.write(
        Entry(name="applied", manifest=applied),
        Entry(name="created", manifest=workspace.config_map("created", a="1")),
    )
    assert project.preview().ok().ops() == {"applied": "same", "created": "same", "got": "discard"}
    quota = workspace.object("v1", "ResourceQuota", "adopted", spec={"hard": {"pods": "3"}})
    workspace.cluster.request("POST", workspace.path("resourcequotas"), quota)
    token = "kubernetes:core/v1:ResourceQuota"
    identifier = f"{workspace.namespace}/adopted"
    project.import_(token, "adopted", identifier, "--generate-code=false", "--protect=false").ok()
    assert project.resources()["adopted"]["inputs"]["spec"] == {"hard": {"pods": "3"}}
    project.import_(token, "absent", f"{workspace.namespace}/absent", "--generate-code=false").failed(
        "absent"
    )


def test_a_patch_changes_fields_and_gives_them_back(workspace: Workspace) -> None:
    project = workspace.project
    workspace.cluster.request("POST", workspace.path("configmaps"), workspace.config_map("shared", a="1"))
    token = "kubernetes:core/v1:ConfigMapPatch"
    workspace.write(Entry(name="patch", token=token, manifest=workspace.config_map("shared", b="2")))
    project.up().ok()
    assert (workspace.live("configmaps", "shared") or {})["data"] == {"a": "1", "b": "2"}
    workspace.write(Entry(name="patch", token=token, manifest=workspace.config_map("shared", b="3")))
    assert project.up().ok().ops() == {"patch": "update"}
    assert (workspace.live("configmaps", "shared") or {})["data"] == {"a": "1", "b": "3"}
    project.destroy().ok()
    assert (workspace.live("configmaps", "shared") or {})["data"] == {"a": "1"}


def test_a_group_of_manifests_becomes_resources(workspace: Workspace) -> None:
    """From text with a list and a Secret, from objects, from files; what it cannot do, it says."""
    project = workspace.project
    inner = f"{workspace.namespace}-group"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}
    inside = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inside", "namespace": inner}}
    (project.root / "four.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: four}\n")
    project.config("kubernetes:namespace", workspace.namespace)
    files = [str(project.root / "four.yaml")]
    inputs = {"yaml": MANIFESTS, "objs": [inside, namespace], "files": files}
    token = "kubernetes:yaml/v2:ConfigGroup"
    workspace.write(Entry(name="group", token=token, component=True, manifest=inputs))
    project.preview().ok()
    project.up().ok()
    names = {name for name in project.resources() if name.startswith("group:")}
    place = workspace.namespace
    expected = {f"{place}/one", f"{place}/two", f"{place}/three", f"{place}/four", inner, f"{inner}/inside"}
    assert names == {f"group:{name}" for name in expected}
    live = workspace.live("configmaps", "one") or {}
    assert live["data"] == {"a": "1", "day": "2026-01-01"}
    assert "in-the-yaml" not in str(project.resources()["group:" + f"{place}/three"])
    assert project.up().ok().changes == {"same": 8}
    project.destroy().ok()


def test_charts_are_rendered_where_helm_and_chart_are_at_hand(workspace: Workspace) -> None:
    project = workspace.project
    chart = project.root / "chart"
    chart.mkdir()

    def entry(**inputs: object) -> Entry:
        return Entry(name="c", token="kubernetes:helm.sh/v4:Chart", component=True, manifest=dict(inputs))

    workspace.write(entry(chart="oci://example.test/chart"))
    project.preview().failed("fetches nothing")
    workspace.write(entry(chart=str(chart), namespace=workspace.namespace, values={"who": "world"}))
    project.preview().failed("no `helm` on PATH")
    tools = project.root / "tools"
    tools.mkdir()
    # Stands for Helm: renders its last `--values` file into a ConfigMap.
    (tools / "helm").write_text(
        '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = --values ] && v=$2; shift; done\n'
        "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: rendered}\\ndata: {values: %s}\\n' "
        '"\'$(cat "$v")\'"\n'
    )
    (tools / "helm").chmod(0o755)
    project.up(PATH=f"{tools}:{project.environ['PATH']}").ok()
    assert (workspace.live("configmaps", "rendered") or {})["data"] == {"values": '{"who": "world"}'}
    workspace.write(Entry(name="k", token="kubernetes:kustomize/v2:Directory", component=True, manifest={}))
    project.preview().failed("does not run kustomize")
