"""Every custom resource that we write is, to the last field, what its upstream definition says.

The definitions are data beside the checkout; where they are absent these tests skip.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from components.cluster import Cluster
from components.kubernetes import resource_name
from components.upstream import catalog
from tests.support.definitions import real, strict
from tests.support.pages import STACKS, recorded

DEFINED = {each.group for chart in catalog.charts() for each in chart.definitions}


def custom(stack: str) -> list[dict[str, Any]]:
    """The objects of a stack whose kinds the catalogue defines."""
    found = (one.inputs for one in recorded(stack).resources if one.type.startswith("kubernetes:"))
    return [one for one in found if one.get("apiVersion", "").partition("/")[0] in DEFINED]


@pytest.mark.plane
def test_every_custom_resource_is_what_its_definition_says(definitions: Cluster) -> None:
    found = {resource_name(one): strict(definitions, one) for stack in STACKS for one in custom(stack)}
    assert len(found) >= 10
    assert {name: errors for name, errors in found.items() if errors} == {}


def test_the_catalogue_says_of_definitions_what_they_say() -> None:
    known = real()
    for chart in catalog.charts():
        for each in chart.definitions:
            spec = known[each.name]["spec"]
            assert (spec["group"], spec["scope"]) == (each.group, each.scope)
            assert (spec["names"]["kind"], spec["names"]["plural"]) == (each.kind, each.plural)
            versions = {version["name"]: version for version in spec["versions"]}
            assert all(versions[name]["served"] for name in each.versions), each.name
            stored = [name for name in versions if versions[name]["storage"]]
            assert stored == [each.versions[0]], each.name


def route() -> dict[str, Any]:
    """An HTTPRoute without a fault."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "good", "namespace": "anywhere"},
        "spec": {
            "hostnames": ["a.example"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/a"}}],
                    "backendRefs": [{"name": "a", "port": 80}],
                }
            ],
        },
    }


def test_a_good_object_has_no_errors(definitions: Cluster) -> None:
    given = route()
    assert strict(definitions, given) == []
    assert given == route()


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("spec", "hostname"), "a.example", ['unknown field "spec.hostname"']),
        (("metadata", "label"), {}, ['unknown field "metadata.label"']),
        (("spec", "rules", 0, "backendRefs", 0, "port"), "80", ["spec.rules[0].backendRefs[0].port"]),
        (("spec", "rules", 0, "backendRefs", 0), {"port": 80}, ["spec.rules[0].backendRefs[0].name"]),
        (("spec", "rules", 0, "matches", 0, "path", "value"), "a", ["must be an absolute path"]),
        (("spec", "rules", 0, "backendRefs", 0), {"name": "a", "portt": 80}, ["portt", "Must have port"]),
    ],
    ids=["unknown", "unknown-in-metadata", "type", "required", "cel", "unknown-and-cel"],
)
def test_a_fault_is_told(
    definitions: Cluster, path: tuple[Any, ...], value: Any, expected: list[str]
) -> None:
    bad = deepcopy(route())
    *way, last = path
    place: Any = bad
    for step in way:
        place = place[step]
    place[last] = value
    errors = strict(definitions, bad)
    assert len(errors) >= len(expected)
    for words in expected:
        assert any(words in error for error in errors), errors


def test_all_unknown_fields_are_told_at_once(definitions: Cluster) -> None:
    bad = route()
    bad["spec"] |= {"a": 1, "b": {"c": 2}}
    assert strict(definitions, bad) == ['unknown field "spec.a"', 'unknown field "spec.b"']


def test_a_missing_namespace_of_what_is_referred_to_is_no_error(definitions: Cluster) -> None:
    given = route()
    given["spec"]["rules"][0]["backendRefs"][0]["namespace"] = "nowhere"
    assert strict(definitions, given) == []
