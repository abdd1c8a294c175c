"""Waiting: for readiness, for deletion, and not longer than asked."""

from __future__ import annotations

import time
from typing import Any

import pytest

from components.cluster import MERGE_PATCH
from tests.support.engine import eventually
from tests.support.objects import Entry, Workspace, deployment_spec, pod_template

pytestmark = [pytest.mark.engine, pytest.mark.plane]

APPS = "/apis/apps/v1"


def _set_status(workspace: Workspace, path: str, status: dict[str, Any]) -> None:
    """Play the controller (or the node) that nobody plays on the test control plane."""
    body = {"status": status}
    workspace.cluster.request("PATCH", f"{path}/status", body, content_type=MERGE_PATCH)


def test_a_deployment_that_never_gets_ready_is_recorded_and_repaired_by_the_next_up(
    workspace: Workspace,
) -> None:
    project = workspace.project
    slow = {"pulumi.com/timeoutSeconds": "2"}
    manifest = workspace.object("apps/v1", "Deployment", "web", slow, spec=deployment_spec(1))
    workspace.write(
        Entry(name="web", manifest=manifest),
        Entry(
            name="option",
            manifest=workspace.object("apps/v1", "Deployment", "option", spec=deployment_spec(1)),
            options={"custom_timeouts": {"create": "1s"}},
        ),
    )
    project.up().failed("timed out after 2 s", "timed out after 1 s", "0 available")
    recorded = project.resources()
    assert "timed out after 2 s" in recorded["web"]["initErrors"][0]
    assert recorded["web"]["outputs"]["metadata"]["uid"]
    ready = workspace.object("apps/v1", "Deployment", "web", slow, spec=deployment_spec(0))
    workspace.write(Entry(name="web", manifest=ready))
    done = project.up().ok()
    assert done.ops() == {"web": "update", "option": "delete"}
    assert "initErrors" not in project.resources()["web"]


def test_skip_await_and_readiness_of_services(workspace: Workspace) -> None:
    """Skipped; a Service without Pods; headless; without selector; an external name."""
    project = workspace.project
    service = {"selector": {"app": "none"}, "ports": [{"port": 80}]}
    make = workspace.object
    skipped, brief = {"pulumi.com/skipAwait": "true"}, {"pulumi.com/timeoutSeconds": "1"}
    workspace.write(
        Entry(name="web", manifest=make("apps/v1", "Deployment", "web", skipped, spec=deployment_spec(1))),
        Entry(
            name="headless", manifest=make("v1", "Service", "headless", spec={**service, "clusterIP": "None"})
        ),
        Entry(name="bare", manifest=make("v1", "Service", "bare", spec={"ports": [{"port": 80}]})),
        Entry(
            name="elsewhere",
            manifest=make(
                "v1", "Service", "elsewhere", spec={"type": "ExternalName", "externalName": "example.test"}
            ),
        ),
        Entry(name="aimless", manifest=make("v1", "Service", "aimless", brief, spec=service)),
    )
    done = project.up()
    done.failed("aimless", "does not target any ready Pods")
    recorded = project.resources()
    assert {name for name, item in recorded.items() if item.get("initErrors")} == {"aimless"}
    assert len(recorded) == 5


def test_jobs_complete_or_fail(workspace: Workspace) -> None:
    project = workspace.project

    def job(name: str) -> Entry:
        template = pod_template({"job": name})
        template["spec"]["restartPolicy"] = "Never"
        spec = {"backoffLimit": 0, "template": template}
        return Entry(name=name, manifest=workspace.object("batch/v1", "Job", name, spec=spec))

    workspace.write(job("good"), job("bad"))
    running = project.start_up()

    def pods() -> list[dict[str, Any]]:
        return workspace.cluster.items(workspace.path("pods"), params={"labelSelector": "job"})

    eventually(lambda: len(pods()) == 2, "the pods of both jobs")
    for pod in pods():
        phase = "Succeeded" if pod["metadata"]["labels"]["job"] == "good" else "Failed"
        _set_status(workspace, workspace.path("pods", pod["metadata"]["name"]), {"phase": phase})
    running.result().failed("bad", "BackoffLimitExceeded")
    recorded = project.resources()
    assert "initErrors" not in recorded["good"]
    assert recorded["bad"]["initErrors"]
    assert recorded["good"]["outputs"]["status"]["succeeded"] == 1


def test_wait_for_paths_and_conditions(workspace: Workspace) -> None:
    """A JSONPath with a value, a condition, both in a list, and an expression that is neither."""
    project = workspace.project
    both = '["jsonpath={.status.phase}=Running", "condition=Ready"]'
    names = {"path": "jsonpath={.status.phase}=Running", "condition": "condition=Ready", "list": both}

    def pod(name: str, wanted: str) -> Entry:
        spec = pod_template({})["spec"]
        notes = {"pulumi.com/waitFor": wanted, "pulumi.com/timeoutSeconds": "30"}
        return Entry(name=name, manifest=workspace.object("v1", "Pod", name, notes, spec=spec))

    workspace.write(*(pod(name, wanted) for name, wanted in names.items()))
    running = project.start_up()
    eventually(lambda: len(workspace.cluster.items(workspace.path("pods"))) == 3, "three pods")
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    _set_status(workspace, workspace.path("pods", "path"), {"phase": "Running"})
    _set_status(workspace, workspace.path("pods", "condition"), ready)
    _set_status(workspace, workspace.path("pods", "list"), {"phase": "Running"})
    time.sleep(1.0)
    assert running.process.poll() is None  # the list wants the condition too
    _set_status(workspace, workspace.path("pods", "list"), ready)
    running.result().ok()
    workspace.write(pod("wrong", "status=Running"))
    project.up().failed("pulumi.com/waitFor", "status=Running")


def test_definition_and_custom_resource_in_one_update(workspace: Workspace) -> None:
    """Fault 19: also without the definition, and in a preview before it exists."""
    project = workspace.project
    group = f"{workspace.namespace}.example.test"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {
        "group": group,
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": spec,
    }
    widget = Entry(name="widget", manifest=workspace.object(f"{group}/v1", "Widget", "w", spec={"size": 1.0}))
    workspace.write(widget)
    project.up().failed("CustomResourceDefinition", group, "Widget", "is not installed")
    workspace.write(widget, Entry(name="definition", manifest=definition))
    assert project.preview().ok().ops() == {"widget": "create", "definition": "create"}
    project.up().ok()
    live = workspace.live("widgets", "w", f"/apis/{group}/v1")
    assert live is not None
    assert live["spec"] == {"size": 1}
    assert project.up().ok().changes == {"same": 3}
    project.destroy().ok()


@pytest.mark.fault
def test_a_deletion_that_hangs_names_the_finalizer_and_strips_nothing(workspace: Workspace) -> None:
    """Fault 20: an object and a namespace."""
    project = workspace.project
    inner = f"{workspace.namespace}-inner"
    brief = {"custom_timeouts": {"delete": "2s"}}
    held = workspace.config_map("held", a="1")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}
    workspace.write(
        Entry(name="held", manifest=held, options=brief),
        Entry(name="inner", manifest=namespace, options={"custom_timeouts": {"delete": "8s"}}),
    )
    project.up().ok()
    finalizer = {"metadata": {"finalizers": ["example.test/hold"]}}
    workspace.patch(workspace.path("configmaps", "held"), finalizer)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", **finalizer["metadata"]}}
    workspace.cluster.request("POST", f"/api/v1/namespaces/{inner}/configmaps", other)
    failed = project.destroy().failed("example.test/hold", "timed out after 2 s")
    assert "the namespace is not empty" in failed.text
    assert "exited prematurely" not in failed.text
    live = workspace.live("configmaps", "held") or {}
    assert live["metadata"]["finalizers"] == ["example.test/hold"]
    assert set(project.resources()) == {"held", "inner"}
    free = {"metadata": {"finalizers": None}}
    workspace.patch(workspace.path("configmaps", "held"), free)
    workspace.patch(f"/api/v1/namespaces/{inner}/configmaps/x", free)
    project.destroy().ok()
    assert project.resources() == {}


@pytest.mark.fault
def test_an_interrupted_wait_ends_at_once_and_keeps_the_object(workspace: Workspace) -> None:
    project = workspace.project
    manifest = workspace.object("apps/v1", "Deployment", "web", spec=deployment_spec(1))
    workspace.write(Entry(name="web", manifest=manifest))
    running = project.start_up()
    eventually(lambda: workspace.live("deployments", "web", APPS), "the deployment")
    time.sleep(0.5)
    begun = time.monotonic()
    running.interrupt()
    assert running.result().code != 0
    assert time.monotonic() - begun < 10
    assert project.resources()["web"]["initErrors"]
    eventually(lambda: not project.processes(), "the provider's end")
