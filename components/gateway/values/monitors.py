"""Who is asked for metrics: proxies with the processor beside each, guards, the rate limit service.

Source: https://prometheus-operator.dev/docs/api-reference/api/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from components.gateway.values import guard, home, proxy
from components.gateway.values.network import CONTROLLERS
from components.kubernetes import Manifest
from components.manifests import meta

RATELIMIT: Final = {
    "app.kubernetes.io/name": "envoy-ratelimit",
    "app.kubernetes.io/component": "ratelimit",
    "app.kubernetes.io/managed-by": "envoy-gateway",
}
"""Labels that Envoy Gateway gives the rate limit service's pods."""
_ASKED: Final[Mapping[str, tuple[Mapping[str, str], str, Mapping[str, str]]]] = {
    "proxies": (proxy.PODS, home.NAMESPACE, {"metrics": "/stats/prometheus", "aigw-admin": "/metrics"}),
    "guard": (guard.PODS, home.NAMESPACE, {"metrics": "/metrics"}),
    "ratelimit": (RATELIMIT, CONTROLLERS, {"metrics": "/metrics"}),
}
"""Labels of pods, their namespace, and path by port, by the monitor's name."""


def monitors(labels: Mapping[str, str]) -> list[Manifest]:
    """One PodMonitor for each kind of pod."""
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": meta(name, labels, home.NAMESPACE),
            "spec": {
                "selector": {"matchLabels": dict(pods)},
                "namespaceSelector": {"matchNames": [namespace]},
                "podMetricsEndpoints": [
                    {"port": port, "path": path, "interval": "15s"} for port, path in ports.items()
                ],
            },
        }
        for name, (pods, namespace, ports) in _ASKED.items()
    ]
