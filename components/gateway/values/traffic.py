"""What holds for every call: what callers may send, how much at a time, the guard, retries.

Source: https://gateway.envoyproxy.io/docs/api/extension_types/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components import naming
from components.gateway.values import guard, home, proxy
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Gateway

BODY: Final = "32Mi"
"""The largest body of a request: pictures come in it. Envoy's own default of 32 KiB holds no long prompt."""
GUARD_TIMEOUT: Final = "5s"
GUARDED: Final = (naming.KEYS_LISTENER, naming.ID_LISTENER)
"""Listeners behind which models are. Tool calls are no prompts: which may be called is authorized by name."""
FORGED: Final = (
    naming.CLIENT_HEADER,
    naming.TENANT_HEADER,
    naming.ASSURANCE_HEADER,
    naming.DECISION_HEADER,
    naming.FINGERPRINT_HEADER,
)
"""Headers that the gateway alone sets, later than it removes them here."""
STAMPED: Final = {naming.MONTH_HEADER: "%START_TIME(%Y-%m)%", naming.HOST_HEADER: "%REQ(:AUTHORITY)%"}
"""Headers that are set at once over whatever a caller sends; removal would come after that."""
RESERVED: Final = ("x-ai-eg-", "x-envoy-", "x-gateway-destination-")
"""Beginnings of headers that steer the gateway itself."""


def policies(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """The policies of the whole Gateway; those of tenants' routes add to them."""
    return [
        _policy("ClientTrafficPolicy", labels, _clients(gateway)),
        _policy("BackendTrafficPolicy", labels, _backends(gateway)),
        _policy("EnvoyExtensionPolicy", labels, _guard(), GUARDED),
    ]


def _policy(
    kind: str, labels: Mapping[str, str], spec: Mapping[str, Any], listeners: Sequence[str] = ()
) -> Manifest:
    """A policy of the whole Gateway, or of some of its listeners."""
    whole = {"group": proxy.GATEWAY_API, "kind": "Gateway", "name": naming.GATEWAY}
    targets = [{**whole, "sectionName": name} for name in listeners] or [whole]
    return {
        "apiVersion": proxy.API,
        "kind": kind,
        "metadata": meta(naming.GATEWAY, labels, home.NAMESPACE),
        "spec": {"targetRefs": targets, **spec},
    }


def _clients(gateway: Gateway) -> dict[str, Any]:
    """What is taken from callers. Nobody says who he is: the key or the token does.

    Headers of rate limits are off here, so that a rule of a tenant's policy decides whether it sends them.
    """
    longest = f"{max(model.seconds for model in gateway.models)}s"
    headers = {
        "requestID": "Generate",
        "disableRateLimitHeaders": True,
        "withUnderscoresAction": "RejectRequest",
        "host": {"stripTrailingHostDot": True},
        "earlyRequestHeaders": {
            "set": [{"name": name, "value": value} for name, value in STAMPED.items()],
            "remove": list(FORGED),
            "removeOnMatch": [{"type": "Prefix", "value": start} for start in RESERVED],
        },
    }
    spec: dict[str, Any] = {
        "headers": headers,
        "path": {"escapedSlashesAction": "RejectRequest"},
        "connection": {"bufferLimit": BODY, "connectionLimit": {"value": 20000}},
        "http2": {"maxConcurrentStreams": 128},
        "timeout": {
            "http": {
                "requestHeadersReceivedTimeout": "10s",
                "requestReceivedTimeout": "60s",
                "streamIdleTimeout": longest,
                "idleTimeout": "300s",
            }
        },
        "tcpKeepalive": {},
    }
    if gateway.certificate_issuer:
        spec["tls"] = {"minVersion": "1.3", "alpnProtocols": ["h2", "http/1.1"]}
    return spec


def _backends(gateway: Gateway) -> dict[str, Any]:
    """How backends are asked: bounds, retries that move on to the next in the fallback order, ejection.

    The buffer is needed for its place among the filters: see `proxy.envoy_proxy`.
    """
    bounds, retry = gateway.concurrency, gateway.retry
    return {
        "requestBuffer": {"limit": BODY},
        "connection": {"bufferLimit": BODY},
        "circuitBreaker": {
            "maxConnections": bounds.connections,
            "maxPendingRequests": bounds.pending,
            "maxParallelRequests": bounds.requests,
        },
        "retry": {
            "numRetries": retry.attempts,
            "numAttemptsPerPriority": 1,
            "perRetry": {
                "timeout": f"{retry.try_seconds}s",
                "backOff": {"baseInterval": "25ms", "maxInterval": "100ms"},
            },
            "retryOn": {
                "triggers": ["connect-failure", "reset", "retriable-status-codes"],
                "httpStatusCodes": list(retry.on),
            },
        },
        "healthCheck": {
            "passive": {
                "consecutive5XxErrors": 5,
                "consecutiveGatewayErrors": 5,
                "consecutiveLocalOriginFailures": 5,
                "splitExternalLocalOriginErrors": True,
                "interval": "5s",
                "baseEjectionTime": "30s",
                "maxEjectionPercent": 100,
            }
        },
        "timeout": {"tcp": {"connectTimeout": "5s"}},
        "tcpKeepalive": {},
    }


def _guard() -> dict[str, Any]:
    """Every request for a model passes the guard, whole; where the guard does not answer, nothing passes."""
    processor = {
        "backendRefs": [{"group": "", "kind": "Service", "name": guard.NAME, "port": guard.PORT}],
        "failOpen": False,
        "messageTimeout": GUARD_TIMEOUT,
        "processingMode": {"request": {"body": "Buffered"}},
    }
    return {"extProc": [processor]}
