"""Providers: where they answer, which API they speak, and where their key comes from.

Source: https://aigateway.envoyproxy.io/docs/api/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components import naming
from components.gateway.values import home
from components.kubernetes import Manifest
from components.manifests import API_KEY, StoredSecret, backend, external_secret, meta
from components.model import Gateway, Provider

KEPT: Final = frozenset({"admitted", "degraded", "exiting"})
"""States in which a provider has its objects; one that is leaving has them until it is gone, but no route."""
KEY_POLL: Final = "5m"
"""How often the store is asked whether a key was replaced."""
CREDENTIALS: Final = ("authorization", "x-api-key", "api-key", "cookie")
"""Headers in which a caller's credential could travel on; the provider's key is set when they are gone."""
INTERNAL: Final = (
    naming.HOST_HEADER,
    naming.ASSURANCE_HEADER,
    naming.DECISION_HEADER,
    naming.FINGERPRINT_HEADER,
    naming.TASK_KIND_HEADER,
    "x-forwarded-for",
    "x-forwarded-host",
    "x-envoy-external-address",
    "x-envoy-original-host",
    "x-ai-eg-original-path",
)
"""What says who asks, from where, or how we work: no business of whoever is off the premises.

Client, month and task stay: a call's tokens are counted by these headers when its last token has passed, and
Envoy has one set of headers for all. So a client's id must not name a person.
"""
_AUTH: Final[Mapping[str, tuple[str, str]]] = {
    "OpenAI": ("APIKey", "apiKey"),
    "Anthropic": ("AnthropicAPIKey", "anthropicAPIKey"),
    "AzureOpenAI": ("AzureAPIKey", "azureAPIKey"),
}
"""Type of a BackendSecurityPolicy and its field, by the provider's API."""


def kept(gateway: Gateway) -> list[Provider]:
    """The providers that have objects."""
    return [provider for provider in gateway.providers if provider.lifecycle.state in KEPT]


def provider(gateway: Gateway, wanted: Provider, labels: Mapping[str, str]) -> list[Manifest]:
    """All objects of a provider, under its id; they say where it is, what it may be sent, at what price."""
    labels = {**labels, naming.PREMISES: naming.premises(wanted.on_premises)}
    service = _object("AIServiceBackend", wanted, labels, _service(wanted))
    service["metadata"]["annotations"] = {
        naming.DATA_CLASSES: ",".join(wanted.data_classes),
        naming.PRICES: ",".join(price.model for price in wanted.prices),
    }
    made = [backend(wanted.id, home.NAMESPACE, labels, wanted.endpoint), service]
    if wanted.key:
        kind, field = _AUTH[wanted.api]
        stored = StoredSecret(store=gateway.secret_store, paths={API_KEY: wanted.key}, every=KEY_POLL)
        target = {"group": naming.AI_GATEWAY_API, "kind": "AIServiceBackend", "name": wanted.id}
        reference = {"group": "", "kind": "Secret", "name": secret_name(wanted.id)}
        spec = {"targetRefs": [target], "type": kind, field: {"secretRef": reference}}
        made += [
            external_secret(secret_name(wanted.id), home.NAMESPACE, labels, stored),
            _object("BackendSecurityPolicy", wanted, labels, spec),
        ]
    return made


def table(gateway: Gateway) -> str:
    """What the charter holds routes to at admission: every provider's models, its place, its data classes."""
    return naming.table(
        (each.id, price.model, naming.premises(each.on_premises), ",".join(each.data_classes))
        for each in kept(gateway)
        for price in each.prices
    )


def secret_name(provider_id: str) -> str:
    """The Secret that holds a provider's API key."""
    return naming.join("provider", provider_id)


def _service(wanted: Provider) -> dict[str, Any]:
    reference = {"group": naming.ENVOY_GATEWAY_API, "kind": "Backend", "name": wanted.id}
    removed = CREDENTIALS if wanted.on_premises else (*CREDENTIALS, *INTERNAL)
    return {
        "schema": {"name": wanted.api, "prefix": wanted.prefix},
        "backendRef": reference,
        "headerMutation": {"remove": list(removed)},
    }


def _object(kind: str, wanted: Provider, labels: Mapping[str, str], spec: Mapping[str, Any]) -> Manifest:
    about = meta(wanted.id, labels, home.NAMESPACE)
    return {
        "apiVersion": f"{naming.AI_GATEWAY_API}/v1beta1",
        "kind": kind,
        "metadata": about,
        "spec": dict(spec),
    }
