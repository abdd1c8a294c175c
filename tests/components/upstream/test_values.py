"""Stand-in definitions and what the catalogue says, as values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components import naming
from components.cluster import Cluster
from components.upstream import catalog, values
from components.upstream.catalog import Chart, Definition
from tests.support.definitions import strict

LABELS = {"a": "b"}


def chart(name: str) -> Chart:
    return next(found for found in catalog.charts() if found.name == name)


def test_a_stand_in_serves_what_we_write_and_says_what_it_is() -> None:
    gateway = chart("envoy-gateway-definitions")
    grant = next(each for each in gateway.definitions if each.kind == "ReferenceGrant")
    made = values.stand_in(grant, gateway, LABELS)
    assert made["metadata"]["name"] == "referencegrants.gateway.networking.k8s.io"
    assert made["metadata"]["annotations"][naming.STAND_IN] == "true"
    assert made["metadata"]["labels"] == {
        "a": "b",
        "app.kubernetes.io/name": "envoy-gateway",
        "app.kubernetes.io/version": "1.9.1",
    }
    assert [(one["name"], one["storage"]) for one in made["spec"]["versions"]] == [
        ("v1beta1", True),
        ("v1", False),
    ]
    assert {one["served"] for one in made["spec"]["versions"]} == {True}


def test_only_groups_of_kubernetes_itself_ask_for_approval() -> None:
    approved = {
        each.group: "api-approved.kubernetes.io"
        in values.stand_in(each, found, {})["metadata"]["annotations"]
        for found in catalog.charts()
        for each in found.definitions
    }
    assert {group for group, asked in approved.items() if asked} == {"gateway.networking.k8s.io"}


def test_a_chart_has_a_title_an_archive_and_what_it_serves() -> None:
    found = chart("external-secrets")
    assert found.title == "external-secrets 2.9.0"
    assert found.archive == "external-secrets-2.9.0.tgz"
    assert found.served == (
        "external-secrets.io/v1",
        "external-secrets.io/v1alpha1",
        "generators.external-secrets.io/v1alpha1",
    )
    assert chart("envoy-gateway").archive == "gateway-helm-v1.9.1.tgz"


@pytest.mark.parametrize(
    ("served", "expected"), [("cert-manager.io/v1", "v1.cert-manager.io"), ("a.b/v1beta1", "v1beta1.a.b")]
)
def test_the_api_servers_record_is_named_by_version_first(served: str, expected: str) -> None:
    assert values.api_service(served) == expected


def test_namespaces_are_made_once_and_not_for_what_the_cluster_brings() -> None:
    one = chart("cert-manager")
    given = [one, replace(one, name="b"), replace(one, namespace="kube-system", provided=True)]
    assert values.namespaces(given) == ["cert-manager"]


@pytest.mark.plane
def test_what_guards_a_namespace_is_what_cilium_takes(definitions: Cluster) -> None:
    made = [found for found in values.guards("cert-manager", LABELS) if found["apiVersion"] == "cilium.io/v2"]
    assert len(made) == 1
    assert strict(definitions, made[0]) == []


def test_a_definition_is_named_by_its_plural() -> None:
    assert Definition(group="a.b", kind="Foo", plural="foos", versions=("v1",)).name == "foos.a.b"
