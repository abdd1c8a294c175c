"""The platform's manifests."""

from __future__ import annotations

from components import naming
from components.commons import values
from components.model.loading import EnvironmentModel

LABELS = {"a": "b"}


def test_storage_classes_by_name(model: EnvironmentModel) -> None:
    made = {wanted.id: values.storage(wanted, LABELS) for wanted in model.platform.storage_classes}
    assert made["fast-ssd"]["parameters"] == {"encrypted": "true"}
    assert made["fast-ssd"]["metadata"]["annotations"] == {
        "storageclass.kubernetes.io/is-default-class": "true"
    }
    assert "annotations" not in made["shared"]["metadata"]
    assert made["local"]["volumeBindingMode"] == "WaitForFirstConsumer"
    assert "parameters" not in made["local"]


def test_runtime_classes_by_isolation(model: EnvironmentModel) -> None:
    made = {wanted.id: values.runtime(wanted, LABELS) for wanted in model.platform.runtime_classes}
    assert made["gvisor"]["metadata"]["labels"][naming.ISOLATION] == "userspace-kernel"
    assert "overhead" not in made["gvisor"]
    assert made["kata-fc"]["handler"] == "kata-fc"
    assert made["kata-fc"]["overhead"] == {"podFixed": {"cpu": "250m", "memory": "130Mi"}}
    assert {found["scheduling"]["nodeSelector"][naming.ROLE] for found in made.values()} == {"sandbox"}


def test_priorities_yield_or_preempt(model: EnvironmentModel) -> None:
    made = {wanted.id: values.priority(wanted, LABELS) for wanted in model.platform.priority_classes}
    assert made["batch"]["preemptionPolicy"] == "Never"
    assert made["interactive"]["preemptionPolicy"] == "PreemptLowerPriority"
    assert [name for name, found in made.items() if found["globalDefault"]] == ["standard"]


def test_the_platforms_people_have_no_wildcard_and_no_secrets() -> None:
    roles = [
        found for found in values.access(LABELS, ["admins"], ["auditors"]) if found["kind"] == "ClusterRole"
    ]
    assert len(roles) == 2
    for found in roles:
        for rule in found["rules"]:
            assert "*" not in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
            assert "secrets" not in rule["resources"]


def test_an_auditor_only_reads() -> None:
    made = values.access(LABELS, ["admins"], ["auditors"])
    [auditor] = [
        found
        for found in made
        if found["kind"] == "ClusterRole" and found["metadata"]["name"] == values.AUDITOR
    ]
    assert {verb for rule in auditor["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_no_accelerator_is_claimed_in_the_platforms_namespace(model: EnvironmentModel) -> None:
    guards = values.guards(LABELS, model.platform.platform.system_quota)
    assert guards[0]["spec"]["hard"]["count/resourceclaims.resource.k8s.io"] == "0"
    assert {found["metadata"]["name"] for found in guards if found["kind"] == "NetworkPolicy"} == {
        "default-deny",
        "allow-dns",
    }
