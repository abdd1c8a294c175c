"""A tenant's manifests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import naming
from components.model import Quota, Tenant, TenantNamespace
from components.model.loading import EnvironmentModel
from components.tenancy import values

CLASSES = ("gpu", "npu", "large-memory")


@pytest.fixture
def tenant(model: EnvironmentModel) -> Tenant:
    return model.tenants["acme"]


@pytest.fixture
def entry(tenant: Tenant) -> TenantNamespace:
    return tenant.namespaces[0]


def test_a_namespace_says_whose_it_is(tenant: Tenant, entry: TenantNamespace) -> None:
    meta = values.namespace_of("twin", tenant, entry)["metadata"]
    assert meta["name"] == "acme-research-models"
    assert meta["annotations"] == {naming.OWNER: "research@acme.example"}
    told = {key: meta["labels"][key] for key in (naming.TENANT, naming.DEPARTMENT, naming.COST_CENTER)}
    assert told == {naming.TENANT: "acme", naming.DEPARTMENT: "research", naming.COST_CENTER: "cc-1002"}
    assert meta["labels"][naming.DATA_CLASS] == "confidential"
    assert meta["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_namespace_of_no_department_is_the_tenants(tenant: Tenant) -> None:
    meta = values.namespace_of("twin", tenant, tenant.namespaces[2])["metadata"]
    assert meta["name"] == "acme-sandboxes"
    assert meta["annotations"] == {naming.OWNER: "owner@acme.example"}
    assert meta["labels"][naming.COST_CENTER] == "cc-1001"
    assert naming.DEPARTMENT not in meta["labels"]


@given(
    devices=st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 1000)),
    classes=st.sets(st.sampled_from(CLASSES)),
)
def test_every_device_class_is_bounded(devices: dict[str, int], classes: set[str]) -> None:
    granted = Quota.model_validate(
        {"cpu": 4, "memory": "8Gi", "pods": 9, "storage": "1Gi", "devices": devices}
    )
    hard = values.hard(granted, classes)
    for name in classes:
        assert hard[f"{name}.deviceclass.resource.k8s.io/devices"] == str(devices.get(name, 0))
    assert hard["requests.cpu"] == "4"
    assert hard["requests.memory"] == hard["limits.memory"] == "8Gi"


def by_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in manifests if found["kind"] == kind}


def test_network_is_closed_but_for_names_and_the_tenant(tenant: Tenant, entry: TenantNamespace) -> None:
    policies = by_kind(values.guards("twin", tenant, entry, CLASSES), "NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert policies["allow-dns"]["spec"]["policyTypes"] == ["Egress"]
    peers = [{"namespaceSelector": {"matchLabels": {naming.TENANT: "acme"}}}]
    assert policies["allow-tenant"]["spec"]["ingress"] == [{"from": peers}]
    assert policies["allow-tenant"]["spec"]["egress"] == [{"to": peers}]
    assert len(policies) == 3


def test_roles_never_write_the_fences() -> None:
    fences = {"resourcequotas", "limitranges", "networkpolicies", "roles", "rolebindings", "namespaces"}
    for named, rules in values.ROLE_RULES.items():
        for rule in rules:
            assert "*" not in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
            if fences & set(rule["resources"]):
                assert set(rule["verbs"]) <= {"get", "list", "watch"}, named


def test_only_admins_hold_secrets() -> None:
    holders = {
        named
        for named, rules in values.ROLE_RULES.items()
        if any("secrets" in rule["resources"] for rule in rules)
    }
    assert holders == {"admin"}


@pytest.mark.parametrize("named", ["agent", "auditor"])
def test_agents_and_auditors_only_read(named: str) -> None:
    assert {verb for rule in values.ROLE_RULES[named] for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_groups_users_and_accounts_are_bound(tenant: Tenant, entry: TenantNamespace) -> None:
    made = values.access("twin", tenant, entry)
    bindings = by_kind(made, "RoleBinding")
    subjects = {name: [held["name"] for held in found["subjects"]] for name, found in bindings.items()}
    assert subjects == {
        "admin": ["bastide:acme:admin"],
        "developer": ["bastide:acme:developer", "bastide:acme:user:ada"],
        "agent": ["agent"],
        "auditor": ["bastide:acme:auditor"],
    }
    assert by_kind(made, "ServiceAccount")["agent"]["automountServiceAccountToken"] is False
    assert {found["roleRef"]["name"] for found in bindings.values()} == set(by_kind(made, "Role"))


def test_users_hold_their_role_in_their_department_only(tenant: Tenant) -> None:
    held = values.subjects(tenant, tenant.namespaces[1], "developer")
    assert [subject["name"] for subject in held] == ["bastide:acme:developer", "bastide:acme:user:bob"]


def test_rights_are_withdrawn_in_place(tenant: Tenant, entry: TenantNamespace) -> None:
    access = tenant.access.model_copy(update={"auditor": ()})
    made = values.access("twin", tenant.model_copy(update={"access": access}), entry)
    assert by_kind(made, "RoleBinding")["auditor"]["subjects"] == []


_PART = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?", fullmatch=True)


@given(_PART, _PART, st.none() | _PART)
def test_names_fit_a_label(tenant: str, purpose: str, department: str | None) -> None:
    name = naming.namespace(tenant, purpose, department)
    assert len(name) <= 63
    assert name == "-".join(part for part in (tenant, department, purpose) if part)
