"""The environment `twin`, raised for real and used as its users would."""

from __future__ import annotations

import json

import pytest

from components import naming
from tests.e2e.conftest import Environment

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]
TENANTS = ("acme", "globex")


def test_up_deploys_every_layer_and_passes_the_drills(environment: Environment) -> None:
    stacks = {stack["stack"]: stack for stack in environment.report["stacks"]}
    assert set(stacks) == {"twin.foundation", "twin.platform", "twin.acme", "twin.globex"}
    assert all(stack["changes"]["create"] > 5 for stack in stacks.values())
    assert not any(stack["violations"] or stack["errors"] for stack in stacks.values())
    assert environment.report["drills"]["failed"] == []
    assert environment.report["drills"]["passed"] >= 10


def test_drills_leave_records_of_what_was_asked_and_answered(environment: Environment) -> None:
    records = environment.bastide("drill", "twin", "--json").json
    assert {record["target"] for record in records} >= set(TENANTS)
    for record in records:
        assert record["passed"], record
        assert record["asked"], record
        assert record["expected"], record
        assert record["answered"], record


def test_second_up_changes_nothing(environment: Environment) -> None:
    done = environment.bastide("up", "twin", "--json")
    assert done.code == 0, done.text
    assert set(done.json["changes"]) == {"same"}


def test_plain_pulumi_drives_the_same_stacks(environment: Environment) -> None:
    done = environment.plain("pulumi", "preview", "-s", "twin.acme", "--json", "--expect-no-changes")
    assert done.code == 0, done.text
    assert set(json.loads(done.out)["changeSummary"]) == {"same"}
    done = environment.plain("pulumi", "up", "-s", "twin.acme", "--yes", "--skip-preview")
    assert done.code == 0, done.text
    assert "charter" in done.out, "the policy pack is not on for plain pulumi"


def test_kubectl_sees_the_machines(environment: Environment) -> None:
    done = environment.plain("kubectl", "get", "nodes", "-o", "json")
    assert done.code == 0, done.text
    nodes = json.loads(done.out)["items"]
    assert len(nodes) == 14
    pools = {node["metadata"]["labels"][naming.POOL] for node in nodes}
    assert pools == {"control", "gpu-h100", "gpu-b200", "gpu-mi300x", "npu-910b3", "sandbox"}


def test_status_names_what_is_stood_in_for(environment: Environment) -> None:
    done = environment.bastide("status", "twin", "--json")
    with environment.cluster() as cluster:
        live = cluster.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    assert len(live) >= 20
    assert "envoy-gateway 1.9.1" in done.json["cluster"]["stand_ins"]
    assert "envoy-gateway 1.9.1" in environment.bastide("status", "twin").text


def test_status_sees_drift_and_a_refresh_mends_it(environment: Environment) -> None:
    assert environment.bastide("status", "twin", "--json").code == 0
    quota = ("-n", "acme-sandboxes", "resourcequota")
    name = json.loads(environment.plain("kubectl", "get", *quota, "-o", "json").out)["items"][0]["metadata"][
        "name"
    ]
    patch = '{"spec": {"hard": {"pods": "5000"}}}'
    done = environment.plain("kubectl", "patch", *quota, name, "--type=merge", "-p", patch)
    assert done.code == 0, done.text
    try:
        done = environment.bastide("status", "twin", "--json")
        assert done.code == 9, done.text
        drifted = {stack["stack"]: stack["drift"] for stack in done.json["stacks"] if stack["drift"]}
        assert set(drifted) == {"twin.acme"}
        assert any(name in step["name"] for step in drifted["twin.acme"])
    finally:
        done = environment.plain("pulumi", "up", "-s", "twin.acme", "--yes", "--skip-preview", "--refresh")
        assert done.code == 0, done.text
    assert environment.bastide("status", "twin", "--json").code == 0


def test_tenant_goes_and_comes_alone(environment: Environment) -> None:
    with environment.cluster() as cluster:
        kept = cluster.get("/api/v1/namespaces/acme-sandboxes")["metadata"]["uid"]
        done = environment.bastide("down", "twin", "--destroy", "--tenant", "globex", "--json")
        assert done.code == 0, done.text
        selector = {"labelSelector": f"{naming.TENANT}=globex"}
        assert cluster.items("/api/v1/namespaces", params=selector) == []
        done = environment.bastide("up", "twin", "--tenant", "globex", "--json")
        assert done.code == 0, done.text
        assert [stack["stack"] for stack in done.json["stacks"]] == ["twin.globex"]
        assert len(cluster.items("/api/v1/namespaces", params=selector)) == 4
        assert cluster.get("/api/v1/namespaces/acme-sandboxes")["metadata"]["uid"] == kept


def test_down_keeps_the_data(environment: Environment) -> None:
    with environment.cluster() as cluster:
        before = cluster.get("/api/v1/namespaces/acme-sandboxes")["metadata"]["uid"]
    assert environment.bastide("down", "twin").code == 0
    assert environment.bastide("status", "twin", "--json").code == 7
    done = environment.bastide("up", "twin", "--json")
    assert done.code == 0, done.text
    assert set(done.json["changes"]) == {"same"}
    with environment.cluster() as cluster:
        assert cluster.get("/api/v1/namespaces/acme-sandboxes")["metadata"]["uid"] == before


def test_coverage_counts_the_drills_as_evidence(environment: Environment) -> None:
    rows = environment.bastide("coverage", "--json").json
    assert rows["T2"]["state"] in ("shown", "partial")
    assert any(item.startswith("drill:") for item in rows["T2"]["evidence"])
    assert rows["L1"]["state"] == "open"
