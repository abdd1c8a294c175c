"""The proxies: the class, the Gateway with its listeners, and what holds for every call.

Sources: https://gateway.envoyproxy.io/docs/api/extension_types/, https://gateway-api.sigs.k8s.io/reference/spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from components import naming
from components.gateway.values import home
from components.gateway.values.audit import access_log
from components.gateway.values.restricted import container_security, pod_security, resources, spread
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Gateway

CLASS: Final = "bastide-ai"
CONTROLLER: Final = "gateway.envoyproxy.io/gatewayclass-controller"
API: Final = f"{naming.ENVOY_GATEWAY_API}/v1alpha1"
CONFIG: Final = "aigateway.envoyproxy.io/gateway-config"
"""Annotation that names a Gateway's GatewayConfig."""
LISTENERS: Final = {
    naming.KEYS_LISTENER: f"*.{naming.KEYS_LISTENER}",
    naming.ID_LISTENER: f"*.{naming.ID_LISTENER}",
    naming.TOOLS_LISTENER: naming.TOOLS_LISTENER,
}
"""Host names below the domain, by listener. Tenants share that of tools, where paths tell them apart."""
PODS: Final = {
    "app.kubernetes.io/component": "proxy",
    "gateway.envoyproxy.io/owning-gateway-namespace": naming.GATEWAY_NAMESPACE,
}
"""Labels that Envoy Gateway gives the proxies' pods."""
LASTING: Final = (naming.ENVIRONMENT, naming.LAYER, naming.BLOCK)
"""Those of our labels that proxies' pods carry: Envoy Gateway selects pods by them, so none may change."""
ORDER: Final = ({"name": "envoy.filters.http.ext_proc", "before": "envoy.filters.http.buffer"},)
DRAIN_SECONDS: Final = 600
"""The most that a proxy waits for calls under way before it ends."""


def listener_port(gateway: Gateway) -> int:
    """The port that callers use."""
    return 443 if gateway.certificate_issuer else 80


def gateway_class(labels: Mapping[str, str]) -> Manifest:
    """The class of the platform's gateways, with the settings of their proxies."""
    parameters = {
        "group": naming.ENVOY_GATEWAY_API,
        "kind": "EnvoyProxy",
        "name": CLASS,
        "namespace": home.NAMESPACE,
    }
    return {
        "apiVersion": f"{naming.GATEWAY_API}/v1",
        "kind": "GatewayClass",
        "metadata": meta(CLASS, labels),
        "spec": {"controllerName": CONTROLLER, "parametersRef": parameters},
    }


def envoy_proxy(gateway: Gateway, labels: Mapping[str, str]) -> Manifest:
    """How proxies run, and what they log.

    The guard's filter comes before the buffer, and so before the AI gateway's own processor, which repeats
    the body that it saw whenever another provider is tried: behind it, the guard would be passed by.
    """
    spec = {
        "provider": {"type": "Kubernetes", "kubernetes": _kubernetes(gateway, labels)},
        "filterOrder": list(ORDER),
        "shutdown": {"drainTimeout": f"{drain_seconds(gateway)}s", "minDrainDuration": "10s"},
        "telemetry": {"accessLog": access_log()},
    }
    return _object("EnvoyProxy", CLASS, labels, spec)


def drain_seconds(gateway: Gateway) -> int:
    """As long as the longest call, at most `DRAIN_SECONDS`."""
    return min(max(model.seconds for model in gateway.models), DRAIN_SECONDS)


def _kubernetes(gateway: Gateway, labels: Mapping[str, str]) -> dict[str, Any]:
    drain = {
        "name": "shutdown-manager",
        "resources": resources(home.DRAIN_CPU, home.DRAIN_MEMORY),
    }
    deployment = {
        "replicas": gateway.replicas,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "container": {
            "resources": resources(home.PROXY_CPU, home.PROXY_MEMORY),
            "securityContext": container_security(writes=True),
        },
        "pod": {
            "labels": {key: labels[key] for key in LASTING if key in labels},
            "securityContext": pod_security(),
            "topologySpreadConstraints": spread(PODS),
        },
        "patch": {
            "type": "StrategicMerge",
            "value": {"spec": {"template": {"spec": {"containers": [drain]}}}},
        },
    }
    return {
        "envoyDeployment": deployment,
        "envoyPDB": {"maxUnavailable": 1},
        "envoyService": _service(gateway),
    }


def _service(gateway: Gateway) -> dict[str, Any]:
    """The way in: a load balancer without ports of the machines; in plain HTTP from the cluster only."""
    if gateway.certificate_issuer is None:
        return {"type": "ClusterIP"}
    return {
        "type": "LoadBalancer",
        "allocateLoadBalancerNodePorts": False,
        "externalTrafficPolicy": "Local",
    }


def gateways(
    gateway: Gateway, labels: Mapping[str, str], kind: str, may_leave: Iterable[str]
) -> list[Manifest]:
    """The Gateways that share the tenants; only the platform's own namespaces attach routes to them.

    They say of which `kind` the environment is, and which data classes `may_leave` the premises. The AI
    gateway keeps all routes of a Gateway in one Secret of at most 1 MiB: hence there may be several.
    """
    own = {**labels, naming.ENVIRONMENT_KIND: kind}
    notes = {CONFIG: naming.GATEWAY, naming.MAY_LEAVE: ",".join(may_leave) or "-"}
    listeners = [_listener(gateway, name) for name in LISTENERS]
    return [
        {
            "apiVersion": f"{naming.GATEWAY_API}/v1",
            "kind": "Gateway",
            "metadata": {**meta(name, own, home.NAMESPACE), "annotations": notes},
            "spec": {"gatewayClassName": CLASS, "listeners": listeners},
        }
        for name in names(gateway)
    ]


def names(gateway: Gateway) -> list[str]:
    """The names of all Gateways."""
    return [naming.gateway(shard) for shard in range(gateway.shards)]


def _listener(gateway: Gateway, name: str) -> dict[str, Any]:
    selector = {"matchLabels": {naming.PURPOSE: naming.GATEWAY_PURPOSE}}
    listener: dict[str, Any] = {
        "name": name,
        "hostname": f"{LISTENERS[name]}.{gateway.domain}",
        "port": listener_port(gateway),
        "protocol": "HTTPS" if gateway.certificate_issuer else "HTTP",
        "allowedRoutes": {
            "namespaces": {"from": "Selector", "selector": selector},
            "kinds": [{"group": naming.GATEWAY_API, "kind": "HTTPRoute"}],
        },
    }
    if gateway.certificate_issuer:
        reference = {"group": "", "kind": "Secret", "name": certificate_name(name)}
        listener["tls"] = {"mode": "Terminate", "certificateRefs": [reference]}
    return listener


def certificate_name(listener: str) -> str:
    """The Certificate of a listener, and the Secret that holds it."""
    return naming.join(naming.GATEWAY, listener, "tls")


def certificates(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """A certificate for each listener's hosts, with a new key at each renewal; none in plain HTTP.

    Source: https://cert-manager.io/docs/reference/api-docs/
    """
    if gateway.certificate_issuer is None:
        return []
    return [_certificate(gateway, gateway.certificate_issuer, name, labels) for name in LISTENERS]


def _certificate(gateway: Gateway, issuer: str, name: str, labels: Mapping[str, str]) -> Manifest:
    spec = {
        "secretName": certificate_name(name),
        "dnsNames": [f"{LISTENERS[name]}.{gateway.domain}"],
        "duration": "2160h",
        "renewBefore": "720h",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["digital signature", "server auth"],
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
    }
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": meta(certificate_name(name), labels, home.NAMESPACE),
        "spec": spec,
    }


def _object(kind: str, name: str, labels: Mapping[str, str], spec: Mapping[str, Any]) -> Manifest:
    """An object of Envoy Gateway in the gateway's namespace."""
    about = meta(name, labels, home.NAMESPACE)
    return {"apiVersion": API, "kind": kind, "metadata": about, "spec": dict(spec)}
