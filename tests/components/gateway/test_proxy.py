"""The Gateway, its proxies and what holds for every call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components import naming
from components.gateway.values import charts, guard, home, proxy, session, traffic
from components.kubernetes import Manifest
from components.model import Gateway, Retry


def policies(gateway: Gateway) -> dict[str, Any]:
    return {manifest["kind"]: manifest["spec"] for manifest in traffic.policies(gateway, {})}


def listeners(gateway: Gateway) -> dict[str, Any]:
    [made] = proxy.gateways(gateway, {}, "twin", ())
    return {each["name"]: each for each in made["spec"]["listeners"]}


def kubernetes(gateway: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = proxy.envoy_proxy(gateway, {naming.BLOCK: "gateway", naming.COST_CENTER: "cc-1"})
    return dict(found["spec"]["provider"]["kubernetes"])


def test_only_namespaces_of_the_gateway_attach_routes(gateway: Gateway) -> None:
    found = listeners(gateway)
    assert {name: each["hostname"] for name, each in found.items()} == {
        "keys": "*.keys.ai.twin.example",
        "id": "*.id.ai.twin.example",
        "mcp": "mcp.ai.twin.example",
    }
    for each in found.values():
        assert each["allowedRoutes"]["namespaces"] == {
            "from": "Selector",
            "selector": {"matchLabels": {naming.PURPOSE: naming.GATEWAY_PURPOSE}},
        }
        assert [kind["kind"] for kind in each["allowedRoutes"]["kinds"]] == ["HTTPRoute"]


def test_with_an_issuer_all_is_encrypted(gateway: Gateway, encrypted: Gateway) -> None:
    assert {each["protocol"] for each in listeners(gateway).values()} == {"HTTP"}
    assert proxy.certificates(gateway, {}) == []
    certificates = {one["spec"]["secretName"]: one["spec"] for one in proxy.certificates(encrypted, {})}
    for name, each in listeners(encrypted).items():
        assert (each["protocol"], each["port"], each["tls"]["mode"]) == ("HTTPS", 443, "Terminate")
        [reference] = each["tls"]["certificateRefs"]
        assert certificates[reference["name"]]["dnsNames"] == [each["hostname"]], name
        assert certificates[reference["name"]]["privateKey"]["rotationPolicy"] == "Always"
    assert policies(encrypted)["ClientTrafficPolicy"]["tls"]["minVersion"] == "1.3"
    assert "tls" not in policies(gateway)["ClientTrafficPolicy"]


def test_the_way_in_opens_no_port_of_a_machine(gateway: Gateway, encrypted: Gateway) -> None:
    assert kubernetes(gateway)["envoyService"] == {"type": "ClusterIP"}
    service = kubernetes(encrypted)["envoyService"]
    assert service["type"] == "LoadBalancer"
    assert service["allocateLoadBalancerNodePorts"] is False
    for which, most in ((gateway, "0"), (encrypted, "1")):
        hard = home.guards(which, {})[0]["spec"]["hard"]
        assert (hard["services.loadbalancers"], hard["services.nodeports"]) == (most, "0")


def test_the_guard_comes_first(gateway: Gateway) -> None:
    """Behind the buffer the AI gateway's own processor would repeat an unmasked body to a fallback."""
    [order] = proxy.envoy_proxy(gateway, {})["spec"]["filterOrder"]
    assert order == {"name": "envoy.filters.http.ext_proc", "before": "envoy.filters.http.buffer"}
    assert policies(gateway)["BackendTrafficPolicy"]["requestBuffer"]["limit"] == traffic.BODY


def test_no_call_passes_without_the_guard(gateway: Gateway) -> None:
    policy = policies(gateway)["EnvoyExtensionPolicy"]
    [processor] = policy["extProc"]
    assert processor["failOpen"] is False
    assert processor["processingMode"] == {"request": {"body": "Buffered"}}
    aims = {(target["name"], target["sectionName"]) for target in policy["targetRefs"]}
    assert aims == {("ai-0", name) for name in listeners(gateway) if name != naming.TOOLS_LISTENER}
    services = {one["metadata"]["name"]: one["spec"] for one in made_guard(gateway, "Service")}
    [reference] = processor["backendRefs"]
    ports = {port["port"]: port["appProtocol"] for port in services[reference["name"]]["ports"]}
    assert ports[reference["port"]] == "kubernetes.io/h2c"


def test_nobody_says_who_he_is(gateway: Gateway) -> None:
    early = policies(gateway)["ClientTrafficPolicy"]["headers"]["earlyRequestHeaders"]
    ours = {value for name, value in vars(naming).items() if name.endswith("_HEADER")}
    given = {each["name"] for each in early["set"]}
    forged = {name for name in ours if name.startswith("x-bastide-")} - given - set(early["remove"])
    assert forged == {naming.TASK_HEADER, naming.TASK_KIND_HEADER}, "what a caller may send, and no more"
    assert not given & set(early["remove"]), "removal comes after setting"
    prefixes = [each["value"] for each in early["removeOnMatch"] if each["type"] == "Prefix"]
    assert any(naming.MODEL_HEADER.startswith(prefix) for prefix in prefixes)


def test_retries_move_on_to_the_next_in_the_fallback_order(gateway: Gateway) -> None:
    asked = Retry(attempts=4, on=(429, 503), try_seconds=7)
    retry = policies(gateway.model_copy(update={"retry": asked}))["BackendTrafficPolicy"]["retry"]
    assert (retry["numRetries"], retry["numAttemptsPerPriority"]) == (4, 1)
    assert retry["perRetry"]["timeout"] == "7s"
    assert retry["retryOn"]["httpStatusCodes"] == [429, 503]
    assert {"connect-failure", "reset"} <= set(retry["retryOn"]["triggers"])


def test_bounds_are_those_of_the_configuration(gateway: Gateway) -> None:
    breaker = policies(gateway)["BackendTrafficPolicy"]["circuitBreaker"]
    assert breaker == {"maxConnections": 1024, "maxPendingRequests": 1024, "maxParallelRequests": 1024}
    assert kubernetes(gateway)["envoyDeployment"]["replicas"] == gateway.replicas


def test_pods_keep_the_labels_by_which_they_are_found(gateway: Gateway) -> None:
    """The Service selects by all of them: one that changes would cut the pods off that are there."""
    assert kubernetes(gateway)["envoyDeployment"]["pod"]["labels"] == {"bastide.dev/block": "gateway"}


def test_a_proxy_waits_for_calls_under_way(gateway: Gateway) -> None:
    assert proxy.drain_seconds(gateway) == max(model.seconds for model in gateway.models)
    slow = [model.model_copy(update={"seconds": 3600}) for model in gateway.models]
    assert proxy.drain_seconds(gateway.model_copy(update={"models": slow})) == proxy.DRAIN_SECONDS


def made_guard(gateway: Gateway, kind: str) -> list[Manifest]:
    return [
        manifest
        for manifest in guard.guard(gateway, {}, "registry.example/guard")
        if manifest["kind"] == kind
    ]


def test_the_guard_reads_its_rules_and_nothing_else(gateway: Gateway) -> None:
    [role], [binding] = made_guard(gateway, "Role"), made_guard(gateway, "RoleBinding")
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    ]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "bastide-gateway"
    assert [subject["name"] for subject in binding["subjects"]] == ["guard"]


def test_there_is_room_for_a_rollout(gateway: Gateway) -> None:
    """Old and new proxies and guards fit into the namespace's quota side by side."""
    hard = home.guards(gateway, {})[0]["spec"]["hard"]
    assert int(hard["pods"]) >= 2 * (gateway.replicas + gateway.guardrails.replicas)
    one = home.PROXY_MEMORY + home.EXTPROC_MEMORY + home.DRAIN_MEMORY
    needed = 2 * (gateway.replicas * one + gateway.guardrails.replicas * home.GUARD_MEMORY)
    assert hard["limits.memory"] == f"{needed}Mi"


@pytest.mark.parametrize("symbol", ["seed"])
def test_the_session_seed_stands_in_no_manifest(gateway: Gateway, symbol: str) -> None:
    told = charts.ai_gateway()["controller"]["mcp"]["sessionEncryption"][symbol]
    assert told == "$(MCP_SESSION_SEED)"
    made = {manifest["kind"]: manifest["spec"] for manifest in session.seed({})}
    [source] = made["ExternalSecret"]["dataFrom"]
    assert source["sourceRef"]["generatorRef"]["kind"] == "Password"
    reference = session.variable()["valueFrom"]["secretKeyRef"]
    assert reference["name"] == made["ExternalSecret"]["target"]["name"]
    assert made["ExternalSecret"]["refreshPolicy"] == "CreatedOnce", "a new seed would end all sessions"


def test_every_shard_has_the_same_doors_and_the_same_rules(gateway: Gateway) -> None:
    many = gateway.model_copy(update={"shards": 3})
    made = proxy.gateways(many, {}, "twin", ())
    assert [each["metadata"]["name"] for each in made] == ["ai-0", "ai-1", "ai-2"]
    assert made[0]["spec"] == made[2]["spec"]
    for policy in traffic.policies(many, {}):
        assert {target["name"] for target in policy["spec"]["targetRefs"]} == {"ai-0", "ai-1", "ai-2"}


def test_a_refusal_says_what_is_used_up(gateway: Gateway) -> None:
    [policy] = [p for p in traffic.policies(gateway, {}) if p["kind"] == "BackendTrafficPolicy"]
    tokens, budget = policy["spec"]["responseOverride"]
    assert tokens["match"]["responseHeaders"][0]["name"] == "x-ratelimit-remaining"
    assert "responseHeaders" not in budget["match"]
    told = [json.loads(each["response"]["body"]["inline"])["error"] for each in (tokens, budget)]
    assert [each["code"] for each in told] == ["tokens_used_up", "budget_used_up"]
    assert {each["source"] for each in (tokens, budget)} == {"Local"}
