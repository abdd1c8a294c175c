"""The gateway on a control plane of its own: drills find what is broken, admission knows the one way in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from components import naming, probe
from components.cluster import MERGE_PATCH, ApiError, Cluster
from components.drill import Answer
from components.gateway import values
from components.gateway.drills import drills
from components.kubernetes import Manifest
from components.manifests import READ, binding, group, role, rule
from components.model import Gateway, TenantOutputs
from components.tenancy import values as tenancy
from components.upstream import catalog
from components.upstream.values import stand_in
from policies import admission
from policies.exceptions import Exceptions
from policies.registry import rules
from tests.support.definitions import patiently
from tests.support.plane import Plane
from tests.support.small import Small, applied, apply, path
from twin.controlplane.lifecycle import start_plane

pytestmark = pytest.mark.plane

ENVOY = "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/bastide-gateway"
PROXY = f"{ENVOY}/envoyproxies/bastide-ai"


@pytest.fixture(scope="module")
def small() -> Small:
    return Small.make()


@pytest.fixture(scope="module")
def gateway(small: Small) -> Gateway:
    assert small.platform.gateway
    return small.platform.gateway


@pytest.fixture(scope="module")
def tenants(small: Small) -> list[TenantOutputs]:
    return [tenancy.outputs(tenant) for tenant in small.tenants.values()]


@pytest.fixture(scope="module")
def cluster(own_plane: Plane, small: Small, gateway: Gateway) -> Iterator[Cluster]:
    start_plane(own_plane.settings, own_plane.toolchain.programs)
    with own_plane.cluster() as client:
        for chart in catalog.charts():
            for definition in chart.definitions:
                apply(client, stand_in(definition, chart, {}))
        for manifest in everything(small, gateway):
            patiently(lambda manifest=manifest: apply(client, manifest))
        patiently(lambda: client.items("/apis/aigateway.envoyproxy.io/v1beta1/aigatewayroutes"))
        yield client


def everything(small: Small, gateway: Gateway) -> Iterator[Manifest]:
    labels = naming.labels(environment="twin", layer="platform", block="gateway")
    table = values.providers.table(gateway)
    yield values.home.home(labels, "platform@bastide.example", table)
    for make in (values.fences, values.settings, values.upstreams):
        yield from make(gateway, labels)
    yield from values.prompt_guard(gateway, labels, "registry.example")
    yield from values.rules_of_entry(gateway, labels)
    yield from values.entrance(gateway, labels, "twin", ("public",))
    for tenant in small.tenants.values():
        for entry in tenant.namespaces:
            yield tenancy.namespace_of("twin", tenant, entry)
            yield from tenancy.access("twin", tenant, entry)


def answer(cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs], name: str) -> Answer:
    found = drills(gateway, values.outputs(gateway), tenants, "twin")
    return next(drill for drill in found if drill.id == f"gateway.{name}").probe(cluster)


def patch(cluster: Cluster, where: str, change: dict[str, Any]) -> None:
    cluster.request("PATCH", where, change, content_type=MERGE_PATCH)


def test_every_drill_passes(cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs]) -> None:
    found = drills(gateway, values.outputs(gateway), tenants, "twin")
    answers = {(drill.id, drill.target): drill.probe(cluster) for drill in found}
    assert len(answers) == 4 + 2
    assert {key: said.text for key, said in answers.items() if not said.passed} == {}


def test_a_tenant_who_may_read_the_gateways_secrets_is_found(
    cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs]
) -> None:
    grant = [
        role("leak", {}, [rule("", ("secrets",), READ)], values.NAMESPACE),
        binding("leak", {}, [group(tenants[0].groups["admin"][0])], values.NAMESPACE),
    ]
    with applied(cluster, grant):
        deadline = time.monotonic() + 10
        while (said := answer(cluster, gateway, tenants, "secrets")).passed and time.monotonic() < deadline:
            time.sleep(0.1)
    assert said.text.startswith(f"an admin of {tenants[0].tenant} may GET /api/v1/")


def test_a_tenants_namespace_that_is_admitted_is_found(
    cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs]
) -> None:
    name = next(iter(tenants[0].namespaces.values()))
    where = f"/api/v1/namespaces/{name}"
    purpose = cluster.get(where)["metadata"]["labels"][naming.PURPOSE]
    patch(cluster, where, {"metadata": {"labels": {naming.PURPOSE: naming.GATEWAY_PURPOSE}}})
    said = answer(cluster, gateway, tenants, "foreign-routes")
    patch(cluster, where, {"metadata": {"labels": {naming.PURPOSE: purpose}}})
    assert said == Answer(text=f"{name} of {tenants[0].tenant} is admitted", passed=False)


@pytest.mark.parametrize("change", [{"disable": True}, {"settings": []}])
def test_calls_that_are_not_written_down_are_found(
    cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs], change: dict[str, Any]
) -> None:
    before = cluster.get(PROXY)["spec"]["telemetry"]["accessLog"]
    patch(cluster, PROXY, {"spec": {"telemetry": {"accessLog": change}}})
    said = answer(cluster, gateway, tenants, "audit")
    undo = {**dict.fromkeys(change), **before}
    patch(cluster, PROXY, {"spec": {"telemetry": {"accessLog": undo}}})
    assert not said.passed
    assert answer(cluster, gateway, tenants, "audit").passed


def test_a_guard_that_may_be_passed_by_is_found(
    cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs]
) -> None:
    before = cluster.get(PROXY)["spec"]["filterOrder"]
    patch(cluster, PROXY, {"spec": {"filterOrder": []}})
    said = answer(cluster, gateway, tenants, "guard")
    patch(cluster, PROXY, {"spec": {"filterOrder": before}})
    assert said == Answer(text="not so: ['comes first']", passed=False)


def test_a_provider_without_its_objects_is_found(
    cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs]
) -> None:
    lost = next(
        manifest
        for manifest in values.upstreams(gateway, {})
        if (manifest["kind"], manifest["metadata"]["name"]) == ("Backend", "openrouter")
    )
    cluster.request("DELETE", path(cluster, lost))
    said = answer(cluster, gateway, tenants, "providers")
    apply(cluster, lost)
    assert said == Answer(text="openrouter lacks ['Backend']", passed=False)


def test_a_route_to_a_provider_that_leaves_is_found(
    cluster: Cluster, gateway: Gateway, tenants: list[TenantOutputs]
) -> None:
    leaving = gateway.providers[1]
    lifecycle = leaving.lifecycle.model_copy(update={"state": "exiting"})
    others = (gateway.providers[0], leaving.model_copy(update={"lifecycle": lifecycle}))
    changed = gateway.model_copy(update={"providers": others})
    route = {
        "apiVersion": "aigateway.envoyproxy.io/v1beta1",
        "kind": "AIGatewayRoute",
        "metadata": {"name": "late", "namespace": values.NAMESPACE},
        "spec": {"rules": [{"backendRefs": [{"name": leaving.id}]}]},
    }
    assert answer(cluster, changed, tenants, "providers").passed
    with applied(cluster, [route]):
        said = answer(cluster, changed, tenants, "providers")
    assert said == Answer(text=f"{leaving.id} is exiting, yet routed to", passed=False)


@pytest.mark.parametrize(
    ("name", "ports", "admitted"), [("ai-0", False, True), ("ai-0", True, False), ("other", False, False)]
)
def test_the_gateway_is_the_only_way_in(
    cluster: Cluster, gateway: Gateway, name: str, ports: bool, admitted: bool
) -> None:
    """In both forms of the rule: the Service that Envoy Gateway makes, and none like it."""
    exposed = next(one for one in rules() if one.id == "no-exposed-services")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": values.NAMESPACE},
        "spec": {
            "type": "LoadBalancer",
            "allocateLoadBalancerNodePorts": ports,
            "ports": [{"port": 443}],
        },
    }
    assert exposed.check
    assert (list(exposed.check(service)) == []) is admitted
    in_force = [admission.policy(exposed, {}, Exceptions()), admission.binding(exposed, {})]
    quota = f"/api/v1/namespaces/{values.NAMESPACE}/resourcequotas/quota"
    patch(cluster, quota, {"spec": {"hard": {"services.loadbalancers": "5", "services.nodeports": "5"}}})
    with applied(cluster, in_force):
        canary = {**service, "metadata": {"name": "canary", "namespace": values.NAMESPACE}}
        deadline = time.monotonic() + 30
        while not refused(cluster, canary):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert ("no-exposed-services" in refused(cluster, service)) is not admitted


def test_the_guard_and_the_proxies_fit_into_their_namespace(cluster: Cluster, gateway: Gateway) -> None:
    """Pods are made: neither quota, nor bounds of containers, nor pod security are in their way."""
    pods = f"/api/v1/namespaces/{values.NAMESPACE}/pods"
    deadline = time.monotonic() + 30
    while len(cluster.items(pods)) < gateway.guardrails.replicas:
        assert time.monotonic() < deadline, cluster.items(f"/api/v1/namespaces/{values.NAMESPACE}/events")
        time.sleep(0.2)
    made = values.proxy.envoy_proxy(gateway, {})["spec"]["provider"]["kubernetes"]["envoyDeployment"]
    own = made["container"]
    [drain] = made["patch"]["value"]["spec"]["template"]["spec"]["containers"]
    beside = values.cost.config(gateway, {})["spec"]["extProc"]["kubernetes"]
    about = probe.pod("ai-drill", values.NAMESPACE, {})
    [plain] = about["spec"]["containers"]
    about["spec"]["containers"] = [
        {**plain, "name": "envoy", **own},
        {**plain, "name": "shutdown-manager", "resources": drain["resources"]},
        {**plain, "name": "extproc", **beside},
    ]
    cluster.request("POST", pods, about, params=probe.DRY_RUN)


def refused(cluster: Cluster, service: Manifest) -> str:
    where = f"/api/v1/namespaces/{values.NAMESPACE}/services"
    try:
        cluster.request("POST", where, service, params={"dryRun": "All"})
    except ApiError as error:
        return error.message
    return ""
