"""The pack on the real engine: what breaks the charter stops the update before anything is made."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
import yaml

from components.cluster import ApiError
from policies.registry import HERE, rules
from tests.policies.test_rules import cases
from tests.support.engine import Engine, Project, Result
from tests.support.plane import Plane

pytestmark = [pytest.mark.engine, pytest.mark.plane]

PACK = HERE / "packs" / "charter"
PROGRAM = """
    import json
    from pathlib import Path
    import pulumi
    from components.kubernetes import KubernetesObject, resource_name

    for manifest in json.loads(Path("objects.json").read_text()):
        KubernetesObject(resource_name(manifest), manifest)
"""
DIGESTS = next(rule for rule in rules() if rule.id == "image-digests")


@pytest.fixture
def project(engine: Engine, plane: Plane) -> Project:
    made = engine.project(PROGRAM, environ={"KUBECONFIG": str(plane.kubeconfig)})
    made.config("kubernetes:context", plane.context)
    return made


def attempt(project: Project, *manifests: dict[str, Any], exceptions: Any = ()) -> Result:
    """`pulumi up` as a user runs it, with its preview."""
    (project.root / "objects.json").write_text(json.dumps(manifests))
    file = project.root / "exceptions.yaml"
    file.write_text(yaml.safe_dump(list(exceptions)))
    command = ("up", "--yes", "--stack", project.stack, "--policy-pack", str(PACK))
    return project.run(*command, BASTIDE_EXCEPTIONS=str(file))


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def test_a_violation_stops_the_update_before_anything_is_made(
    project: Project, plane: Plane, namespace: str
) -> None:
    rule = next(rule for rule in rules() if rule.id == "no-secret-literals")
    good, bad = config_map(namespace, "good", mode="fast"), config_map(namespace, "bad", password="hunter2")
    result = attempt(project, good, bad).failed(rule.id, rule.remediation, rule.url, "data.password")
    assert "hunter2" not in result.text
    assert [violation["policyName"] for violation in result.violations] == [rule.id]
    assert result.violations[0]["enforcementLevel"] == "mandatory"
    with plane.cluster() as cluster, pytest.raises(ApiError, match="not found"):
        cluster.get(f"/api/v1/namespaces/{namespace}/configmaps/good")
    attempt(project, good).ok()


def test_a_whole_stack_is_judged_in_the_preview(project: Project, plane: Plane) -> None:
    labels = {"bastide.dev/environment": "test", "bastide.dev/layer": "platform"}
    about = {"name": f"pack-{project.root.parent.name[-8:]}".lower().replace("_", "-"), "labels": labels}
    about["annotations"] = {"bastide.dev/owner": "owner@acme.example"}
    result = attempt(project, {"apiVersion": "v1", "kind": "Namespace", "metadata": about})
    result.failed("default-deny", "quota-present")
    with plane.cluster() as cluster, pytest.raises(ApiError, match="not found"):
        cluster.get(f"/api/v1/namespaces/{about['name']}")


def test_an_exception_excuses_until_it_expires(project: Project, namespace: str) -> None:
    pod = cases(DIGESTS)["denied"][0]["object"]
    template = {**pod, "kind": "PodTemplate", "metadata": {"name": "vendor", "namespace": namespace}}
    spec = template.pop("spec") | {"automountServiceAccountToken": False}
    spec["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {**spec["containers"][0], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    template["template"] = {"spec": {**spec, "containers": [container]}}
    entry = {
        "rule": DIGESTS.id,
        "kinds": ["PodTemplate"],
        "namespace": namespace,
        "name": "vendor",
        "owner": "owner@acme.example",
        "reason": "The vendor publishes no digest",
        "expires": date.today() + timedelta(days=1),
    }
    refused = attempt(project, template).failed(DIGESTS.id, DIGESTS.remediation)
    assert {violation["policyName"] for violation in refused.violations} == {DIGESTS.id}
    expired = entry | {"expires": date.today() - timedelta(days=1)}
    attempt(project, template, exceptions=[expired]).failed(DIGESTS.id, "exceptions-valid", "expired on")
    attempt(project, template, exceptions=[entry]).ok()


def test_a_value_unknown_in_the_preview_is_judged_in_the_update(project: Project, namespace: str) -> None:
    project.program(f"""
        import pulumi
        from components.kubernetes import KubernetesObject

        def config_map(name, **data):
            about = {{"name": name, "namespace": "{namespace}"}}
            manifest = {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}}
            return KubernetesObject(name, manifest)

        first = config_map("first", mode="fast")
        config_map("second", url=first.id.apply(lambda id: "https://user:hunter2@" + id))
    """)
    pack = ("--policy-pack", str(PACK))
    assert project.preview(*pack).ok().violations == []
    result = project.up(*pack).failed("no-secret-literals", "data.url")
    assert "hunter2" not in result.text
    assert {violation["policyName"] for violation in result.violations} == {"no-secret-literals"}
    assert "second" not in project.resources()
