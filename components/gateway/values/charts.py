"""What the charts of the gateway's controllers are told, where it differs from their defaults.

Sources: https://gateway.envoyproxy.io/docs/install/gateway-helm-api/,
https://aigateway.envoyproxy.io/docs/getting-started/prerequisites
"""

from __future__ import annotations

from typing import Any, Final

from components.gateway.values import proxy, session
from components.gateway.values.audit import ATTRIBUTES
from components.gateway.values.network import CONTROLLERS
from components.gateway.values.restricted import container_security, pod_security, resources, spread

COUNTERS: Final = f"valkey.{CONTROLLERS}.svc.cluster.local:6379"
"""Where the rate limit service keeps its counters."""
_EXTENSION: Final = {"hostname": f"ai-gateway-controller.{CONTROLLERS}.svc.cluster.local", "port": 1063}


def charts() -> dict[str, dict[str, Any]]:
    """Values by the chart's name in the catalogue."""
    return {"envoy-gateway": envoy_gateway(), "envoy-ai-gateway": ai_gateway(), "valkey": counters()}


def envoy_gateway() -> dict[str, Any]:
    """Values of `gateway-helm`: proxies run in their Gateway's namespace, and the AI gateway adds to them.

    Where calls cannot be counted they are refused: a budget that nobody watches is none.
    """
    everything = {"includeAll": True}
    hooks = {
        "translation": dict.fromkeys(("listener", "route", "cluster", "secret"), everything),
        "post": ["Translation", "Cluster", "Route"],
    }
    config = {
        "gateway": {"controllerName": proxy.CONTROLLER},
        "provider": {
            "type": "Kubernetes",
            "kubernetes": {
                "deploy": {"type": "GatewayNamespace"},
                "rateLimitDeployment": _rate_limit_deployment(),
                "rateLimitPDB": {"minAvailable": 1},
            },
        },
        "logging": {"level": {"default": "info"}},
        "extensionApis": {"enableBackend": True},
        "extensionManager": {
            "hooks": {"xdsTranslator": hooks},
            "service": {"fqdn": _EXTENSION},
            "failOpen": False,
        },
        "rateLimit": {
            "backend": {"type": "Redis", "redis": {"url": COUNTERS}},
            "timeout": "1s",
            "failClosed": True,
        },
    }
    return {
        "crds": {"enabled": False},
        "deployment": {"replicas": 2},
        "podDisruptionBudget": {"minAvailable": 1},
        "config": {"envoyGateway": config},
    }


def _rate_limit_deployment() -> dict[str, Any]:
    return {
        "replicas": 2,
        "container": {"resources": resources(200, 256), "securityContext": container_security()},
        "pod": {
            "securityContext": pod_security(),
            "topologySpreadConstraints": spread({"app.kubernetes.io/component": "ratelimit"}),
        },
    }


def ai_gateway() -> dict[str, Any]:
    """Values of `ai-gateway-helm`: what it notes for the audit, and a session key that nobody wrote down."""
    noted = ",".join(f"{header}:{field}" for header, field in ATTRIBUTES.items())
    return {
        "controller": {
            "replicaCount": 2,
            "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
            "logFormat": "json",
            "logRequestHeaderAttributes": noted,
            "securityContext": container_security(),
            "podSecurityContext": pod_security(),
            "resources": resources(200, 512),
            "mcp": {"sessionEncryption": {"seed": session.REFERENCE}},
        },
        "envoyGateway": {"namespace": CONTROLLERS},
    }


def counters() -> dict[str, Any]:
    """Values of `valkey`: counters of a month outlive a restart."""
    return {
        "fullnameOverride": "valkey",
        "dataStorage": {"enabled": True, "requestedSize": "8Gi"},
        "resources": resources(200, 1024),
        "valkeyConfig": "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n",
    }
