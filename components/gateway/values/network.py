"""Who may speak with whom: the gateway's network policies.

Peers with a name in the DNS, the API server and the world are Cilium's to know: a NetworkPolicy knows
addresses only. Without Cilium such ways stay closed.
Sources: https://kubernetes.io/docs/concepts/services-networking/network-policies/,
https://docs.cilium.io/en/stable/security/policy/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from components import naming
from components.gateway.values import guard, home, proxy
from components.kubernetes import Manifest
from components.manifests import meta, network_policy
from components.model import Endpoint, Gateway

CONTROLLERS: Final = "envoy-gateway-system"
"""Namespace of Envoy Gateway, of the AI gateway's controller, and of the rate limit service."""
XDS_PORTS: Final = (18000, 18002)
"""Envoy Gateway's ports for configuration and for modules."""
RATELIMIT_PORT: Final = 8081
METRICS_PORTS: Final = (19001, 1064)
"""Ports of Envoy's own metrics and of the AI gateway's processor beside it."""
SHIFT: Final = 10000
"""What Envoy Gateway adds to a port below 1024 to get that of the container."""
CLUSTER: Final = ".svc.cluster.local"

_DNS = {"io.kubernetes.pod.namespace": "kube-system", "k8s-app": "kube-dns"}


def policies(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """What is open in the namespace: everything else is closed by its default."""
    return [
        _policy("proxies", labels, proxy.PODS, _proxies_in(gateway), _proxies_out(gateway)),
        _policy("guard", labels, guard.PODS, _guard_in(), None),
        _cilium("proxies", labels, proxy.PODS, _world(gateway), _names(gateway)),
        _cilium("guard", labels, guard.PODS, [], [_to({"toEntities": ["kube-apiserver"]}, 443, 6443)]),
    ]


def endpoints(gateway: Gateway) -> list[Endpoint]:
    """Where proxies go: providers that serve, tool servers, and the issuer's keys."""
    keys = urlsplit(gateway.identity.jwks)
    return [
        *(provider.endpoint for provider in gateway.providers if provider.serves),
        *(server.endpoint for server in gateway.tool_servers),
        Endpoint(host=keys.hostname or "", port=keys.port or 443),
    ]


def _proxies_in(gateway: Gateway) -> list[dict[str, Any]]:
    """Callers in tenants' namespaces, and whoever gathers metrics."""
    tenants = {"namespaceSelector": {"matchExpressions": [{"key": naming.TENANT, "operator": "Exists"}]}}
    return [_from([tenants], _container_port(gateway)), _from([_monitoring()], *METRICS_PORTS)]


def _proxies_out(gateway: Gateway) -> list[dict[str, Any]]:
    """The guard, the controllers, and backends in the cluster.

    A policy sees the port of a backend's pod, which its Service may hide: the namespace is what is named.
    """
    near = sorted({space for each in endpoints(gateway) if (space := _namespace(each.host))})
    return [
        {"to": [{"podSelector": {"matchLabels": guard.PODS}}], "ports": _ports(guard.PORT)},
        {"to": [_in(CONTROLLERS)], "ports": _ports(*XDS_PORTS, RATELIMIT_PORT)},
        *({"to": [_in(space)]} for space in near),
    ]


def _guard_in() -> list[dict[str, Any]]:
    proxies = {"podSelector": {"matchLabels": proxy.PODS}}
    return [_from([proxies], guard.PORT), _from([_monitoring()], guard.METRICS_PORT)]


def _world(gateway: Gateway) -> list[dict[str, Any]]:
    """Callers from outside of the cluster come through the load balancer, where there is one."""
    if gateway.certificate_issuer is None:
        return []
    return [{"fromEntities": ["world"], "toPorts": [{"ports": _cilium_ports(_container_port(gateway))}]}]


def _names(gateway: Gateway) -> list[dict[str, Any]]:
    """Providers and others outside of the cluster, by name and port; names are learnt from DNS answers."""
    far: dict[int, set[str]] = {}
    for each in endpoints(gateway):
        if _namespace(each.host) is None:
            far.setdefault(each.port, set()).add(each.host)
    ask = {"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchPattern": "*"}]}}
    return [
        {"toEndpoints": [{"matchLabels": _DNS}], "toPorts": [ask]},
        *(
            _to({"toFQDNs": [{"matchName": host} for host in sorted(hosts)]}, port)
            for port, hosts in sorted(far.items())
        ),
    ]


def _namespace(host: str) -> str | None:
    """The namespace of a Service's name, `vllm.serving.svc.cluster.local`; None for a name outside."""
    return host.removesuffix(CLUSTER).rpartition(".")[2] if host.endswith(CLUSTER) else None


def _container_port(gateway: Gateway) -> int:
    return proxy.listener_port(gateway) + SHIFT


def _in(namespace: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _monitoring() -> dict[str, Any]:
    return _in(naming.MONITORING_NAMESPACE)


def _from(peers: Sequence[Mapping[str, Any]], *ports: int) -> dict[str, Any]:
    return {"from": list(peers), "ports": _ports(*ports)}


def _ports(*ports: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _to(peers: Mapping[str, Any], *ports: int) -> dict[str, Any]:
    return {**peers, "toPorts": [{"ports": _cilium_ports(*ports)}]}


def _cilium_ports(*ports: int) -> list[dict[str, str]]:
    return [{"port": str(port), "protocol": "TCP"} for port in ports]


def _policy(
    name: str,
    labels: Mapping[str, str],
    pods: Mapping[str, str],
    ingress: Sequence[Mapping[str, Any]],
    egress: Sequence[Mapping[str, Any]] | None,
) -> Manifest:
    made = network_policy(name, home.NAMESPACE, labels, ingress, egress)
    made["spec"]["podSelector"] = {"matchLabels": dict(pods)}
    return made


def _cilium(
    name: str,
    labels: Mapping[str, str],
    pods: Mapping[str, str],
    ingress: Iterable[Mapping[str, Any]],
    egress: Iterable[Mapping[str, Any]],
) -> Manifest:
    rules = {"ingress": list(ingress), "egress": list(egress)}
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": meta(name, labels, home.NAMESPACE),
        "spec": {
            "endpointSelector": {"matchLabels": dict(pods)},
            **{key: made for key, made in rules.items() if made},
        },
    }
