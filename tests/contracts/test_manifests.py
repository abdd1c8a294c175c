"""What every block writes, taken together: it obeys the charter, and the real API server takes it."""

from __future__ import annotations

import copy

import pytest

from components.cluster import APPLY_PATCH
from components.upstream import catalog
from policies.registry import rules
from policies.rule import Planned, Rule
from tests.support.pages import STACKS, recorded
from tests.support.plane import Plane
from tests.support.registrations import Registered
from tests.support.small import path

DEFINED = {each.group for chart in catalog.charts() for each in chart.definitions}


def objects(stack: str) -> list[Registered]:
    return [found for found in recorded(stack).resources if found.type.startswith("kubernetes:")]


def violations(rule: Rule, found: list[Registered]) -> list[str]:
    if rule.check_stack is not None:
        planned = [Planned(type=one.type, urn=one.name, props=one.inputs) for one in found]
        return [f"{urn}: {message}" for urn, message in rule.check_stack(planned)]
    assert rule.check is not None
    looked_at = [one for one in found if f"{one.inputs['apiVersion']}/{one.inputs['kind']}" in rule.kinds]
    return [f"{one.name}: {message}" for one in looked_at for message in rule.check(one.inputs)]


@pytest.mark.parametrize("stack", STACKS)
def test_every_manifest_obeys_the_rules(stack: str) -> None:
    found = objects(stack)
    assert found
    assert rules()
    assert [message for rule in rules() for message in violations(rule, found)] == []


def test_the_rules_have_something_to_look_at() -> None:
    kinds = {f"{one.inputs['apiVersion']}/{one.inputs['kind']}" for stack in STACKS for one in objects(stack)}
    looking = [rule.id for rule in rules() if rule.check_stack or kinds & set(rule.kinds)]
    assert len(looking) >= 5, looking


@pytest.mark.plane
@pytest.mark.parametrize("stack", STACKS)
def test_the_api_server_takes_every_manifest(stack: str, plane: Plane, namespace: str) -> None:
    """Of Kubernetes' own kinds: test_definitions.py judges the others."""
    options = {"fieldManager": "contract", "dryRun": "All", "fieldValidation": "Strict", "force": "true"}
    found = [one for one in objects(stack) if one.inputs["apiVersion"].partition("/")[0] not in DEFINED]
    with plane.cluster() as cluster:
        for one in found:
            manifest = copy.deepcopy(one.inputs)
            if "namespace" in manifest["metadata"]:
                manifest["metadata"]["namespace"] = namespace
            answer = cluster.request(
                "PATCH", path(cluster, manifest), manifest, params=options, content_type=APPLY_PATCH
            )
            assert answer["metadata"]["name"] == manifest["metadata"]["name"]
    assert len(found) >= 27
