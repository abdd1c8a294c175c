"""Previews: they ask the API server what it would say, and change nothing."""

from __future__ import annotations

import json

import pytest

from tests.support.objects import Entry, Workspace, deployment_spec, pod_template

pytestmark = [pytest.mark.engine, pytest.mark.plane]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def test_unknown_values_are_carried_through(workspace: Workspace) -> None:
    """In data, in a name, in a list; then all of them are known."""
    project = workspace.project
    workspace.write(
        Entry(name="first", manifest=workspace.config_map(a="1")),
        Entry(name="data", manifest=workspace.config_map("data", uid={"$of": ["first", "metadata", "uid"]})),
        Entry(
            name="named",
            manifest=workspace.object("v1", "ConfigMap")
            | {"metadata": {"namespace": workspace.namespace, "name": {"$of": ["data", "data", "uid"]}}},
        ),
        Entry(
            name="listed",
            manifest=workspace.object(
                "v1",
                "Pod",
                "listed",
                {"pulumi.com/skipAwait": "true"},
                spec={
                    "containers": [
                        {"name": "c", "image": "example.test/c", "args": [{"$of": ["first", "id"]}]}
                    ]
                },
            ),
        ),
    )
    steps = json.loads(project.preview("--json").ok().stdout)["steps"]
    planned = {step["urn"].rsplit("::", 1)[-1]: step.get("newState", {}).get("inputs") for step in steps}
    assert planned["data"]["data"]["uid"] == UNKNOWN
    assert planned["listed"]["spec"]["containers"][0]["args"] == [UNKNOWN]
    assert workspace.live("configmaps", "data") is None
    project.up().ok()
    made = project.resources()
    uid = made["first"]["outputs"]["metadata"]["uid"]
    assert made["named"]["outputs"]["metadata"]["name"] == uid
    assert project.up().ok().changes == {"same": 5}


def test_refusals_of_the_api_server_show_in_the_preview(workspace: Workspace) -> None:
    """An invalid field, an unknown field, an admission refusal (Pod Security), a type that does not exist."""
    project = workspace.project
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    workspace.patch(f"/api/v1/namespaces/{workspace.namespace}", level)
    wrong = deployment_spec(0) | {"selector": {"matchLabels": {"app": "other"}}}
    cases = {
        "selector": (
            workspace.object("apps/v1", "Deployment", "a", spec=wrong),
            "does not match template `labels`",
        ),
        "field": (workspace.object("v1", "ConfigMap", "b", datta={"a": "1"}), ".datta"),
        "pod": (workspace.object("v1", "Pod", "c", spec=pod_template({})["spec"]), "violates PodSecurity"),
    }
    for name, (manifest, words) in cases.items():
        workspace.write(Entry(name=name, manifest=manifest))
        project.preview().failed(words)
    assert workspace.cluster.items(workspace.path("deployments", base="/apis/apps/v1")) == []
    workspace.write(Entry(name="x", manifest=workspace.object("v1", "ConfigMapp", "x")))
    assert project.preview().ok().ops() == {"x": "create"}
    project.up().failed('no matches for kind "ConfigMapp"')


def test_inputs_that_cannot_be_are_refused_by_name(workspace: Workspace) -> None:
    """Two of many (see test_check.py): a list, and a kind that disagrees with the type."""
    make = workspace.object
    cases = {
        "kind": (make("v1", "Secret"), "kubernetes:core/v1:ConfigMap", "does not fit the resource's type"),
        "list": (make("v1", "ConfigMapList") | {"items": []}, "", "Use the underlying resource type instead"),
    }
    for name, (manifest, token, words) in cases.items():
        workspace.write(Entry(name=name, manifest=manifest, token=token))
        workspace.project.preview().failed(words)
