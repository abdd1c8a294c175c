"""What holds for every call: what callers may send, how much at a time, the guard, retries.

Source: https://gateway.envoyproxy.io/docs/api/extension_types/
"""

from __future__ import annotations

import json
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
SOURCE: Final = "x-bastide-source"
"""A header that no call has, for it is removed at once: told to read a caller's address from it, a proxy
takes that of the connection, and tells no provider. Its own header with it nobody could remove.
"""
FORGED: Final = (
    SOURCE,
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
_NOTHING_LEFT: Final = {"name": "x-ratelimit-remaining", "value": {"type": "Exact", "value": "0"}}


def policies(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """The policies of all Gateways; those of tenants' routes add to them."""
    return [
        _policy(gateway, "ClientTrafficPolicy", labels, _clients(gateway)),
        _policy(gateway, "BackendTrafficPolicy", labels, _backends(gateway)),
        _policy(gateway, "EnvoyExtensionPolicy", labels, _guard(), GUARDED),
    ]


def _policy(
    gateway: Gateway,
    kind: str,
    labels: Mapping[str, str],
    spec: Mapping[str, Any],
    listeners: Sequence[str] = (),
) -> Manifest:
    """A policy of the whole Gateways, or of some of their listeners."""
    whole = [{"group": naming.GATEWAY_API, "kind": "Gateway", "name": name} for name in proxy.names(gateway)]
    parts = [{**each, "sectionName": listener} for each in whole for listener in listeners]
    return {
        "apiVersion": proxy.API,
        "kind": kind,
        "metadata": meta(naming.GATEWAY, labels, home.NAMESPACE),
        "spec": {"targetRefs": parts or whole, **spec},
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
        "clientIPDetection": {"customHeader": {"name": SOURCE}},
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
        "responseOverride": [
            _used_up("tokens", "Tokens or calls of the tier or the task are used up.", [_NOTHING_LEFT]),
            _used_up("budget", "A budget of this calendar month is used up.", []),
        ],
    }


def _used_up(code: str, message: str, headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a caller is told who has used up something: why, in the form of an error of OpenAI's API.

    Limits of tokens and calls say in a header that nothing is left; budgets keep what is left to themselves.
    """
    error = {"error": {"type": "limit_reached", "code": f"{code}_used_up", "message": message}}
    match: dict[str, Any] = {"statusCodes": [{"type": "Value", "value": 429}]}
    if headers:
        match["responseHeaders"] = list(headers)
    return {
        "match": match,
        "source": "Local",
        "response": {
            "statusCode": 429,
            "contentType": "application/json",
            "header": {"set": [{"name": naming.DECISION_HEADER, "value": f"refuse;code={code}_used_up"}]},
            "body": {"type": "Inline", "inline": json.dumps(error)},
        },
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
