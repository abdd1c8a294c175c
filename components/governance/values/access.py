"""Who gets in: virtual keys, whose values are born in the secret store, and workloads by their identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from components import naming
from components.governance.values.scope import Scope, batches
from components.kubernetes import Manifest
from components.manifests import StoredSecret, external_secret
from components.model import Identity, VirtualKey

SHARD: Final = 400
"""Keys in one Secret: with their annotations far below the 256 KiB and 1 MiB that an object may have."""
GENERATOR: Final = "virtual-key"
CLAIM_VALUES_MAX: Final = 128
KEY_HEADERS: Final = ("Authorization", "x-api-key")
"""Where callers put a key: as clients of OpenAI (`Bearer`) and of Anthropic do."""
KEY_POLL: Final = "1m"


def api_key_auth(secrets: Iterable[str]) -> dict[str, Any]:
    """Keys are taken from the tenant's Secrets; the client's id goes on, the key itself does not."""
    return {
        "credentialRefs": [{"group": "", "kind": "Secret", "name": name} for name in secrets],
        "extractFrom": [{"headers": list(KEY_HEADERS)}],
        "forwardClientIDHeader": naming.CLIENT_HEADER,
        "sanitize": True,
    }


def security_policies(scope: Scope) -> list[Manifest]:
    """One policy per listener that the tenant uses, over all its routes to models there."""
    made = []
    if scope.use.keys:
        names = [name for name, _ in shards(scope.use.keys)]
        made.append(_policy(scope, naming.KEYS_LISTENER, {"apiKeyAuth": api_key_auth(names)}))
    if known := sorted(map(scope.workload, scope.use.workloads)):
        made.append(_policy(scope, naming.ID_LISTENER, _jwt(scope.gateway.identity, known)))
    return made


def _policy(scope: Scope, listener: str, spec: Mapping[str, Any]) -> Manifest:
    selector = {"group": naming.GATEWAY_API, "kind": "HTTPRoute", "matchLabels": {naming.LISTENER: listener}}
    whole = {"targetSelectors": [selector], **spec}
    return scope.manifest(f"{naming.ENVOY_GATEWAY_API}/v1alpha1", "SecurityPolicy", listener, whole)


def _jwt(identity: Identity, known: Sequence[str]) -> dict[str, Any]:
    """Tokens of the platform's issuer, and of these workloads only."""
    headers = {"sub": naming.CLIENT_HEADER, "acr": naming.ASSURANCE_HEADER}
    provider = {
        "name": "workloads",
        "issuer": identity.issuer,
        "audiences": [identity.audience],
        "remoteJWKS": {"uri": identity.jwks},
        "claimToHeaders": [{"claim": claim, "header": header} for claim, header in headers.items()],
    }
    rules = [
        {"action": "Allow", "principal": {"jwt": {"provider": "workloads", "claims": [_subjects(part)]}}}
        for part in batches(known, CLAIM_VALUES_MAX)
    ]
    return {
        "jwt": {"providers": [provider]},
        "authorization": {"defaultAction": "Deny", "rules": rules},
    }


def _subjects(known: Sequence[str]) -> dict[str, Any]:
    return {"name": "sub", "values": list(known)}


def shards(keys: Sequence[VirtualKey]) -> list[tuple[str, Sequence[VirtualKey]]]:
    """The tenant's keys by the Secret that holds them."""
    return [(f"{naming.KEYS_PREFIX}{number}", part) for number, part in enumerate(batches(keys, SHARD))]


def store_path(tenant: str, key: VirtualKey) -> str:
    """Where the store keeps the value of a key."""
    return f"tenants/{tenant}/keys/{key.id}"


def secrets(scope: Scope) -> list[Manifest]:
    """How a key is born, renewed and brought here: External Secrets does it, we only say so."""
    if not scope.use.keys:
        return []
    born = [_born(scope, key) for key in scope.use.keys]
    brought = [_brought(scope, name, keys) for name, keys in shards(scope.use.keys)]
    return [_generator(scope), *born, *brought]


def _generator(scope: Scope) -> Manifest:
    """48 letters and digits: 285 bits.

    Source: https://external-secrets.io/latest/api/generator/password/
    """
    spec = {"length": 48, "digits": 12, "symbols": 0, "noUpper": False, "allowRepeat": True}
    return scope.manifest(naming.GENERATORS_API, "Password", GENERATOR, spec)


def _born(scope: Scope, key: VirtualKey) -> Manifest:
    """A new value every few hours, pushed into the store; it is deleted there with this object.

    Source: https://external-secrets.io/latest/api/pushsecret/
    """
    reference = {"remoteKey": store_path(scope.tenant, key), "property": "value"}
    spec = {
        "refreshInterval": f"{scope.gateway.rotation_hours}h",
        "deletionPolicy": "Delete",
        "updatePolicy": "Replace",
        "secretStoreRefs": [{"kind": "ClusterSecretStore", "name": scope.gateway.secret_store}],
        "selector": {
            "generatorRef": {"apiVersion": naming.GENERATORS_API, "kind": "Password", "name": GENERATOR}
        },
        "data": [{"match": {"secretKey": "password", "remoteRef": reference}}],
    }
    name = naming.join("key", key.id)
    return scope.manifest(f"{naming.SECRETS_API}/v1alpha1", "PushSecret", name, spec)


def _brought(scope: Scope, name: str, keys: Sequence[VirtualKey]) -> Manifest:
    """A Secret with the value of each key under its client id."""
    references = {scope.key(key): store_path(scope.tenant, key) for key in keys}
    made = stored(scope, name, references, KEY_POLL)
    made["metadata"]["annotations"] = {naming.KEYS: naming.table(_about(scope, key) for key in keys)}
    return made


def stored(scope: Scope, name: str, paths: Mapping[str, str], every: str) -> Manifest:
    """A Secret of the tenant's, of values of the platform's store."""
    wanted = StoredSecret(store=scope.gateway.secret_store, paths=paths, every=every)
    return external_secret(name, scope.namespace, scope.labels, wanted)


def _about(scope: Scope, key: VirtualKey) -> tuple[str, ...]:
    """What the charter asks of every key: who answers for it, until when, for which data."""
    data_class = scope.grant(key.grant).data_class
    return (scope.key(key), key.owner, key.expires.isoformat(), key.grant, data_class)
