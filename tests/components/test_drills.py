"""Drills on a real control plane: they pass where the promise holds, and fail where it is broken."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from components.cluster import Cluster
from components.commons.drills import drills as commons_drills
from components.commons.values import outputs as platform_outputs
from components.drill import Answer, Drill
from components.manifests import binding, group, network_policy, quota, role, rule
from components.nodes.drills import drills as nodes_drills
from components.nodes.values import outputs as foundation_outputs
from components.tenancy.drills import drills as tenancy_drills
from components.tenancy.values import hard
from components.tenancy.values import outputs as tenant_outputs
from tests.support.plane import Plane
from tests.support.small import Small, applied, apply, delete

pytestmark = pytest.mark.plane


@pytest.fixture(scope="module")
def cluster(plane: Plane) -> Iterator[Cluster]:
    with plane.cluster() as client:
        yield client


@pytest.fixture(scope="module")
def small(cluster: Cluster) -> Iterator[Small]:
    made = Small.make()
    with applied(cluster, made.manifests()):
        _settle(cluster, made)
        yield made


def _settle(cluster: Cluster, small: Small) -> None:
    """Quotas are counted and machines ready a moment after they are made."""
    deadline = time.monotonic() + 30
    names = [name for tenant in small.tenants.values() for name in tenant_outputs(tenant).namespaces.values()]
    while time.monotonic() < deadline:
        counted = [
            cluster.get(f"/api/v1/namespaces/{name}/resourcequotas/quota").get("status") for name in names
        ]
        nodes = cluster.items(
            "/api/v1/nodes", params={"labelSelector": f"bastide.dev/environment={small.mark}"}
        )
        if all(counted) and all("allocatable" in node["status"] and _ready(node) for node in nodes):
            return
        time.sleep(0.1)
    raise AssertionError("the small environment did not settle in 30 s")


def _ready(node: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def drills(small: Small) -> list[Drill]:
    outputs = [tenant_outputs(tenant) for tenant in small.tenants.values()]
    return [
        *nodes_drills(small.foundation, foundation_outputs(small.foundation), outputs),
        *tenancy_drills(small.tenants, outputs),
    ]


def ask(cluster: Cluster, small: Small, drill_id: str) -> Answer:
    return next(drill for drill in drills(small) if drill.id == drill_id).probe(cluster)


def first_namespace(small: Small) -> str:
    return next(iter(tenant_outputs(next(iter(small.tenants.values()))).namespaces.values()))


def test_every_drill_passes_on_the_real_scheduler(cluster: Cluster, small: Small) -> None:
    answers = {(drill.id, drill.target): drill.probe(cluster) for drill in drills(small)}
    assert len(answers) == 6 + 2 * 5
    assert {key: answer.text for key, answer in answers.items() if not answer.passed} == {}
    memory = next(answer for (name, target), answer in answers.items() if target == "memory 192Gi")
    assert "amd-mi300x" in memory.text


def test_drills_leave_nothing_behind(cluster: Cluster, small: Small) -> None:
    assert ask(cluster, small, "nodes.placement").passed
    for tenant in small.tenants.values():
        for namespace in tenant_outputs(tenant).namespaces.values():
            claims = f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaims"
            live = [
                found
                for path in (f"/api/v1/namespaces/{namespace}/pods", claims)
                for found in cluster.items(path)
                if "deletionTimestamp" not in found["metadata"]
            ]
            assert live == []


def test_a_class_that_selects_too_much_is_found(cluster: Cluster, small: Small) -> None:
    """The class of NPUs selects GPUs: the drill looks at the machine, not at the class."""
    npu = f"npu-{small.mark}"
    path = f"/apis/resource.k8s.io/v1/deviceclasses/{npu}"
    sound = cluster.get(path)
    wrong = 'device.attributes["accelerator.bastide.dev"].kind == "gpu"'
    changed = {**sound, "spec": {"selectors": [{"cel": {"expression": wrong}}]}}
    cluster.request("PUT", path, changed)
    try:
        drill = next(found for found in drills(small) if found.target == npu)
        answer = drill.probe(cluster)
    finally:
        cluster.request("PUT", path, {**cluster.get(path), "spec": sound["spec"]})
    assert not answer.passed
    assert "placed on gpu-" in answer.text


def test_an_open_door_between_tenants_is_found(cluster: Cluster, small: Small) -> None:
    other = next(iter(tenant_outputs(list(small.tenants.values())[1]).namespaces.values()))
    rules = [rule("", ("configmaps",), ("get", "list"))]
    leak = [role("leak", {}, rules, other), binding("leak", {}, [group("system:authenticated")], other)]
    with applied(cluster, leak):
        answer = ask(cluster, small, "tenancy.cross-tenant-reads")
    assert not answer.passed
    assert answer.text == f"agent read configmaps of {other}"


def test_a_quota_that_forgets_a_class_is_found(cluster: Cluster, small: Small) -> None:
    """Without a bound nothing refuses: the drill must not pass for want of something to ask."""
    tenant = next(iter(small.tenants.values()))
    for entry, namespace in zip(tenant.namespaces, tenant_outputs(tenant).namespaces.values(), strict=True):
        apply(cluster, quota(namespace, {}, hard(entry.quota, ())))
    try:
        with pytest.raises(Exception, match="no free accelerator to ask for"):
            ask(cluster, small, "tenancy.device-quota")
    finally:
        for manifest in small.manifests():
            if manifest["kind"] == "ResourceQuota":
                apply(cluster, manifest)
        _settle(cluster, small)


def test_an_open_network_is_found(cluster: Cluster, small: Small) -> None:
    namespace = first_namespace(small)
    apply(cluster, network_policy("default-deny", namespace, {}, ingress=[{}], egress=()))
    answer = ask(cluster, small, "tenancy.default-deny")
    delete(cluster, [network_policy("default-deny", namespace, {})])
    with pytest.raises(Exception, match="not found"):
        ask(cluster, small, "tenancy.default-deny")
    apply(cluster, network_policy("default-deny", namespace, {}, ingress=(), egress=()))
    assert not answer.passed
    assert "leaves a door open" in answer.text


def test_a_tenant_that_grants_itself_rights_is_found(cluster: Cluster, small: Small) -> None:
    namespace, tenant = first_namespace(small), next(iter(small.tenants.values()))
    rules = [
        rule("rbac.authorization.k8s.io", ("rolebindings",), ("create",)),
        {**rule("rbac.authorization.k8s.io", ("clusterroles",), ("bind",))},
    ]
    holders = [group(name) for name in tenant.access.developer]
    with applied(cluster, [role("own", {}, rules, namespace), binding("own", {}, holders, namespace)]):
        answer = ask(cluster, small, "tenancy.no-escalation")
    assert answer == Answer(text=f"the developer bound cluster-admin in {namespace}", passed=False)


def test_a_namespace_open_to_privileged_pods_is_found(cluster: Cluster, small: Small) -> None:
    namespace = first_namespace(small)
    path = f"/api/v1/namespaces/{namespace}"
    modes = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    cluster.request("PATCH", path, modes, content_type="application/merge-patch+json")
    answer = ask(cluster, small, "tenancy.privileged-pod")
    modes["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    cluster.request("PATCH", path, modes, content_type="application/merge-patch+json")
    assert answer == Answer(text="the privileged pod was accepted", passed=False)


def test_a_charter_that_is_not_in_force_is_found(cluster: Cluster, small: Small) -> None:
    policy = {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": f"bastide-{small.mark}"}}
    outputs = platform_outputs(small.mark, small.platform, [policy])
    admission, unlabelled = commons_drills(outputs)
    assert admission.probe(cluster).text == f"not in force: ['bastide-{small.mark}']; with type errors: []"
    assert not commons_drills(platform_outputs(small.mark, small.platform, []))[0].probe(cluster).passed
    with applied(cluster, small.people()):
        answer = unlabelled.probe(cluster)
    assert answer == Answer(text="a namespace without tenant labels was accepted", passed=False)
