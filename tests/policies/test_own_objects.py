"""What the gateway's blocks make of the twin's configuration is what the charter wants, in both forms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy

import pytest

from components import naming
from components.cluster import ApiError, Cluster
from components.gateway import values as gateway_values
from components.governance import values as governance_values
from components.kubernetes import Manifest, resource_name
from components.model.loading import EnvironmentModel, load_environment
from components.upstream.catalog import charts
from components.upstream.values import stand_in
from policies import admission
from policies.charter import Charter, types
from policies.registry import rules
from policies.rule import Planned
from tests.policies.court import STRICT, collection
from tests.policies.definitions import custom, prepare
from tests.policies.test_rules import planned
from tests.support.plane import Plane
from twin.controlplane.lifecycle import start_plane
from twin.settings import ROOT

OWNER = "platform@bastide.example"


@pytest.fixture(scope="module")
def model() -> EnvironmentModel:
    return load_environment(ROOT / "stacks" / "config", "twin")


@pytest.fixture(scope="module")
def stacks(model: EnvironmentModel) -> dict[str, list[Manifest]]:
    """The gateway's objects of the platform's stack and of each tenant's."""
    assert model.platform.gateway
    found = {"platform": list(_platform(model))}
    for tenant, use in model.gateways.items():
        scope = governance_values.scope_of("twin", model.tenants[tenant], use, model.platform.gateway)
        found[tenant] = [
            governance_values.home(scope, OWNER),
            *governance_values.guards(scope),
            *governance_values.credentials(scope),
            *governance_values.policies(scope),
            *governance_values.entrances(scope),
        ]
    return found


def _platform(model: EnvironmentModel) -> Iterator[Manifest]:
    values, gateway = gateway_values, model.platform.gateway
    assert gateway
    labels = naming.labels(environment="twin", layer="platform", block="gateway")
    may_leave = [each.id for each in model.platform.data_classes if each.off_premises]
    yield values.home.home(labels, OWNER, values.providers.table(gateway))
    for make in (values.fences, values.upstreams, values.settings, values.rules_of_entry, values.watch):
        yield from make(gateway, labels)
    yield from values.prompt_guard(gateway, labels, model.platform.platform.registry)
    yield from values.entrance(gateway, labels, "twin", may_leave)


def test_the_pack_has_nothing_against_them(stacks: dict[str, list[Manifest]]) -> None:
    charter, seen = Charter(), set()
    assert len(stacks) > 2
    for manifests in stacks.values():
        resources = planned(manifests)
        for rule in charter.rules:
            wanted = types(rule)
            if mine := [one for one in resources if one.type in wanted]:
                seen.add(rule.id)
                assert _violations(charter, mine, rule.id) == []
    assert {rule.id for rule in rules() if custom(rule)} <= seen


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("EnvoyExtensionPolicy", "gateways-guarded"),
        ("BackendTrafficPolicy", "gateways-guarded"),
        ("ClientTrafficPolicy", "gateways-guarded"),
        ("EnvoyProxy", "gateways-guarded"),
        ("Gateway", "classes-may-leave"),
        ("BackendTrafficPolicy", "keys-bounded"),
        ("ExternalSecret", "keys-bounded"),
        ("ConfigMap", "prompts-masked"),
        ("SecurityPolicy", "routes-authenticated"),
    ],
)
def test_none_of_them_can_be_left_out(stacks: dict[str, list[Manifest]], kind: str, rule: str) -> None:
    found = []
    for manifests in stacks.values():
        rest = planned([one for one in manifests if one["kind"] != kind])
        found += _violations(Charter(), rest, rule)
    assert found


def _violations(charter: Charter, resources: list[Planned], rule_id: str) -> list[str]:
    [rule] = [rule for rule in charter.rules if rule.id == rule_id]
    alone = [message for one in resources for message in charter.object(rule, one.type, one.props)]
    return [*alone, *(message for _, message in charter.stack(rule, resources))]


@pytest.fixture(scope="module")
def admitting(own_plane: Plane, stacks: dict[str, list[Manifest]]) -> Iterator[Cluster]:
    """A control plane with open definitions, the namespaces, and the whole charter at admission."""
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    made = [stand_in(definition, chart, {}) for chart in charts() for definition in chart.definitions]
    prepare(own_plane, {one["metadata"]["name"]: one for one in made})
    with own_plane.cluster() as cluster:
        for manifests in stacks.values():
            cluster.request("POST", collection(manifests[0]), manifests[0])
        for manifest in admission.manifests({}):
            cluster.request("POST", collection(manifest), manifest)
        [bad, *_] = [deepcopy(one) for one in stacks["acme"] if one["kind"] == "AIGatewayRoute"]
        bad["metadata"]["annotations"] = {}
        deadline = time.monotonic() + 30
        while not _refusal(cluster, bad):
            assert time.monotonic() < deadline, "the charter never came into effect"
            time.sleep(0.1)
        yield cluster


@pytest.mark.plane
def test_the_api_server_admits_them(admitting: Cluster, stacks: dict[str, list[Manifest]]) -> None:
    asked = [one for manifests in stacks.values() for one in manifests if one["kind"] != "Namespace"]
    assert len(asked) > 50
    refused = {resource_name(one): _refusal(admitting, one) for one in asked}
    assert {name: why for name, why in refused.items() if why} == {}


def _refusal(cluster: Cluster, manifest: Manifest) -> str:
    try:
        cluster.request("POST", collection(manifest), manifest, params={"dryRun": "All", **STRICT})
    except ApiError as error:
        return error.message
    return ""
