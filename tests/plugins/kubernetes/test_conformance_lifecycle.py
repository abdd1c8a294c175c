"""Create, update, replace, refresh, delete: what a program says is what the cluster has."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import eventually
from tests.support.objects import Entry, Workspace, deployment_spec, pod_template

pytestmark = [pytest.mark.engine, pytest.mark.plane]


def test_names_are_made_up_once_and_kept(workspace: Workspace) -> None:
    project = workspace.project
    workspace.write(
        Entry(name="made-up", manifest=workspace.config_map(a="1")),
        Entry(name="given", manifest=workspace.config_map("given", a="1")),
        Entry(
            name="placed",
            manifest={"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": []},
        ),
    )
    project.up().ok()
    first = project.resources()
    name = first["made-up"]["outputs"]["metadata"]["name"]
    assert re.fullmatch(r"made-up-[0-9a-f]{8}", name)
    assert first["made-up"]["id"] == f"{workspace.namespace}/{name}"
    assert first["given"]["id"] == f"{workspace.namespace}/given"
    assert first["placed"]["inputs"]["metadata"]["namespace"] == "default"
    workspace.write(
        Entry(
            name="made-up",
            manifest=workspace.config_map(a="1")
            | {"metadata": {"namespace": workspace.namespace, "labels": {"changed": "yes"}}},
        ),
        Entry(name="given", manifest=workspace.config_map("given", a="1")),
    )
    done = project.up().ok()
    assert done.ops() == {"made-up": "update", "given": "same", "placed": "delete"}
    assert project.resources()["made-up"]["outputs"]["metadata"]["name"] == name


def test_outputs_are_the_live_object(workspace: Workspace) -> None:
    """Numbers as well: a float that is whole becomes the integer that the API wants."""
    workspace.write(
        Entry(name="web", manifest=workspace.object("apps/v1", "Deployment", "web", spec=deployment_spec(0)))
    )
    workspace.project.up().ok()
    outputs = workspace.project.resources()["web"]["outputs"]
    live = workspace.live("deployments", "web", "/apis/apps/v1")
    assert live is not None
    assert {key: value for key, value in outputs.items() if not key.startswith("__")} == live
    assert live["spec"]["replicas"] == 0
    assert outputs["__fieldManager"].startswith("pulumi-kubernetes-")


def _changes(workspace: Workspace) -> list[tuple[dict[str, Any], dict[str, Any], str]]:
    """(before, after, what the engine must do): one case each."""
    make = workspace.object
    rules = "rbac.authorization.k8s.io/v1"
    suffix = workspace.namespace
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
    service = {"selector": {"app": "a"}, "ports": [{"port": 80}], "type": "ClusterIP"}
    quiet = {"pulumi.com/skipAwait": "true"}
    job = {"suspend": True, "template": pod_template({})}
    job["template"]["spec"]["restartPolicy"] = "Never"  # type: ignore[index]
    other_job = {**job, "template": {"spec": {**job["template"]["spec"], "restartPolicy": "OnFailure"}}}  # type: ignore[index]
    sets = {"serviceName": "a", **deployment_spec(0)}

    def priority(value: int) -> dict[str, Any]:
        metadata = {"name": f"p-{suffix}"}
        return {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": metadata,
            "value": value,
        }

    def runtime(handler: str) -> dict[str, Any]:
        metadata = {"name": f"r-{suffix}"}
        return {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": metadata,
            "handler": handler,
        }

    def storage(provisioner: str) -> dict[str, Any]:
        metadata = {"name": f"s-{suffix}"}
        kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}
        return {**kind, "metadata": metadata, "provisioner": provisioner}

    return [
        (
            make("apps/v1", "Deployment", "d", spec=deployment_spec(0)),
            make("apps/v1", "Deployment", "d", spec={**deployment_spec(0), "minReadySeconds": 3}),
            "update",
        ),
        (
            make("apps/v1", "StatefulSet", "ss", spec=sets),
            make("apps/v1", "StatefulSet", "ss", spec={**sets, "serviceName": "b"}),
            "replace",
        ),
        (make("batch/v1", "Job", "j", spec=job), make("batch/v1", "Job", "j", spec=other_job), "replace"),
        (
            make("v1", "Service", "s", quiet, spec=service),
            make("v1", "Service", "s", quiet, spec={**service, "ports": [{"port": 81}]}),
            "update",
        ),
        (
            make("v1", "Service", "h", quiet, spec=service),
            make("v1", "Service", "h", quiet, spec={**service, "clusterIP": "None"}),
            "replace",
        ),
        (
            make(rules, "RoleBinding", "b", roleRef={**role, "name": "view"}),
            make(rules, "RoleBinding", "b", roleRef={**role, "name": "edit"}),
            "replace",
        ),
        (
            make("v1", "ConfigMap", "c", data={"a": "1"}),
            make("v1", "ConfigMap", "c", data={"a": "2"}),
            "replace",
        ),
        (make("v1", "ConfigMap", "n1"), make("v1", "ConfigMap", "n2"), "replace"),
        (make("v1", "Secret", "t", type="a/b"), make("v1", "Secret", "t", type="c/d"), "replace"),
        (priority(1), priority(2), "replace"),
        (runtime("one"), runtime("two"), "replace"),
        (storage("one"), storage("two"), "replace"),
    ]


def test_fields_that_cannot_change_are_replaced_others_updated(workspace: Workspace) -> None:
    cases = _changes(workspace)
    project = workspace.project
    workspace.write(*(Entry(name=f"case{index}", manifest=case[0]) for index, case in enumerate(cases)))
    project.up().ok()
    workspace.write(*(Entry(name=f"case{index}", manifest=case[1]) for index, case in enumerate(cases)))
    planned = project.preview().ok().ops()
    done = project.up().ok()
    finished = {
        step.name: step.op for step in done.steps if step.op in ("update", "create-replacement", "replace")
    }
    for index, (before, after, wanted) in enumerate(cases):
        name, kind = f"case{index}", after["kind"]
        assert (finished[name] == "update") == (wanted == "update"), f"{kind}: {finished[name]}"
        assert (planned[name] == "update") == (wanted == "update"), f"{kind}: {planned[name]}"
        if wanted == "replace" and before["metadata"].get("name") == after["metadata"].get("name"):
            order = [step.op for step in done.steps if step.name == name]
            assert order.index("delete-replaced") < order.index("create-replacement"), f"{kind}: {order}"
    assert project.up().ok().changes == {"same": len(cases) + 1}
    project.destroy().ok()


def test_drift_is_seen_by_a_refresh_and_mended_by_the_next_up(workspace: Workspace) -> None:
    project = workspace.project
    spec = {"hard": {"cpu": "1000m", "pods": "5"}}
    workspace.write(
        Entry(name="quota", manifest=workspace.object("v1", "ResourceQuota", "quota", spec=spec)),
        Entry(name="gone", manifest=workspace.config_map("gone", a="1")),
        Entry(name="gone-too", manifest=workspace.config_map("gone-too", a="1")),
    )
    project.up().ok()
    assert project.preview("--refresh", "--expect-no-changes").ok()  # 1000m is what the API calls 1
    change = {"spec": {"hard": {"pods": "9"}}}
    workspace.patch(workspace.path("resourcequotas", "quota"), change, "kubectl-edit")
    workspace.cluster.request("DELETE", workspace.path("configmaps", "gone"))
    seen = project.preview("--refresh", "--diff").ok()
    assert "pods" in seen.text
    assert seen.ops() == {"quota": "update", "gone": "create", "gone-too": "same"}
    project.up("--refresh").ok()
    live = workspace.live("resourcequotas", "quota")
    assert live is not None
    assert live["spec"]["hard"]["pods"] == "5"
    assert workspace.live("configmaps", "gone")
    workspace.cluster.request("DELETE", workspace.path("configmaps", "gone-too"))
    project.destroy().ok()  # what is gone already is no error
    assert project.resources() == {}


def test_fields_of_others_conflict_unless_forced_or_ignored(workspace: Workspace) -> None:
    project = workspace.project
    manifest = workspace.object("v1", "ResourceQuota", "q", spec={"hard": {"pods": "1"}})
    workspace.write(Entry(name="q", manifest=manifest))
    project.up().ok()
    workspace.patch(workspace.path("resourcequotas", "q"), {"spec": {"hard": {"pods": "7"}}}, "someone-else")

    changed = workspace.object("v1", "ResourceQuota", "q", spec={"hard": {"pods": "2"}})
    workspace.write(Entry(name="q", manifest=changed))
    project.preview().failed("someone-else", ".spec.hard.pods")
    project.up().failed("field conflict", "someone-else", ".spec.hard.pods", "pulumi.com/patchForce")

    workspace.write(Entry(name="q", manifest=changed, options={"ignore_changes": ["spec.hard.pods"]}))
    project.up().ok()
    assert (workspace.live("resourcequotas", "q") or {})["spec"]["hard"]["pods"] == "7"

    forced = workspace.object(
        "v1", "ResourceQuota", "q", {"pulumi.com/patchForce": "true"}, spec=changed["spec"]
    )
    workspace.write(Entry(name="q", manifest=forced))
    project.up().ok()
    assert (workspace.live("resourcequotas", "q") or {})["spec"]["hard"]["pods"] == "2"


def test_an_object_that_exists_is_adopted(workspace: Workspace) -> None:
    there = workspace.config_map("there", a="1")
    workspace.cluster.request("POST", workspace.path("configmaps"), {**there, "data": {"b": "2"}})
    workspace.write(Entry(name="there", manifest=there))
    workspace.project.up().ok()
    assert (workspace.live("configmaps", "there") or {})["data"] == {"a": "1", "b": "2"}


@pytest.mark.fault
def test_a_provider_killed_in_mid_create_leaves_nothing_that_stops_the_next_up(workspace: Workspace) -> None:
    project = workspace.project
    workspace.write(
        Entry(name="web", manifest=workspace.object("apps/v1", "Deployment", "web", spec=deployment_spec(1)))
    )
    running = project.start_up()
    eventually(lambda: workspace.live("deployments", "web", "/apis/apps/v1"), "the half-made object")
    provider = [pid for pid in project.processes() if _command(pid).find("twin.plugins.kubernetes") > 0]
    assert provider
    for pid in provider:
        os.kill(pid, signal.SIGKILL)
    assert running.result().code != 0
    workspace.write(
        Entry(name="web", manifest=workspace.object("apps/v1", "Deployment", "web", spec=deployment_spec(0)))
    )
    project.up().ok()
    assert (workspace.live("deployments", "web", "/apis/apps/v1") or {})["spec"]["replicas"] == 0
    project.destroy().ok()
    assert workspace.live("deployments", "web", "/apis/apps/v1") is None


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
