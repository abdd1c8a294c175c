"""Who may speak with whom."""

from __future__ import annotations

from typing import Any

from components import naming
from components.gateway.values import guard, network, proxy
from components.model import Gateway


def policies(gateway: Gateway) -> dict[tuple[str, str], Any]:
    return {
        (manifest["kind"], manifest["metadata"]["name"]): manifest["spec"]
        for manifest in network.policies(gateway, {})
    }


def names(gateway: Gateway) -> set[tuple[str, str]]:
    """Host and port of every way to a name."""
    rules = policies(gateway)["CiliumNetworkPolicy", "proxies"]["egress"]
    return {
        (peer["matchName"], port["port"])
        for rule in rules
        for peer in rule.get("toFQDNs", ())
        for port in rule["toPorts"][0]["ports"]
    }


def test_proxies_reach_the_providers_outside_by_name(gateway: Gateway) -> None:
    assert names(gateway) == {
        ("api.openrouter.example", "443"),
        ("api.anthropic.example", "443"),
        ("spire.twin.example", "443"),
    }


def test_proxies_reach_backends_inside_by_namespace(gateway: Gateway) -> None:
    spaces = {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in policies(gateway)["NetworkPolicy", "proxies"]["egress"]
        for peer in rule["to"]
        if "namespaceSelector" in peer
    }
    assert spaces == {"envoy-gateway-system", "serving", "tools"}


def test_the_guard_reaches_the_api_server_and_nothing_else(gateway: Gateway) -> None:
    made = policies(gateway)
    assert "egress" not in made["NetworkPolicy", "guard"]
    assert "Egress" not in made["NetworkPolicy", "guard"]["policyTypes"]
    [way] = made["CiliumNetworkPolicy", "guard"]["egress"]
    assert way["toEntities"] == ["kube-apiserver"]
    assert set(way) == {"toEntities", "toPorts"}


def test_only_proxies_and_monitoring_reach_the_guard(gateway: Gateway) -> None:
    calls, metrics = policies(gateway)["NetworkPolicy", "guard"]["ingress"]
    assert calls == {
        "from": [{"podSelector": {"matchLabels": proxy.PODS}}],
        "ports": [{"protocol": "TCP", "port": guard.PORT}],
    }
    [peer] = metrics["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": naming.MONITORING_NAMESPACE
    }


def test_the_world_comes_in_encrypted_or_not_at_all(gateway: Gateway, encrypted: Gateway) -> None:
    assert "ingress" not in policies(gateway)["CiliumNetworkPolicy", "proxies"]
    [way] = policies(encrypted)["CiliumNetworkPolicy", "proxies"]["ingress"]
    assert way["fromEntities"] == ["world"]
    assert way["toPorts"] == [{"ports": [{"port": "10443", "protocol": "TCP"}]}]


def test_every_policy_names_its_pods(gateway: Gateway) -> None:
    made = policies(gateway)
    selectors = [spec.get("podSelector") or spec["endpointSelector"] for spec in made.values()]
    assert len(made) == 4
    assert [each["matchLabels"] for each in selectors] == [proxy.PODS, guard.PODS] * 2
