"""Keys replaced at once, and how old each of them is. Values are compared by their hashes and never shown.

Source: https://external-secrets.io/latest/introduction/faq/#can-i-manually-trigger-a-secret-refresh
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cli.outcome import CliError, Exit
from components import naming
from components.cluster import MERGE_PATCH, ApiError, Cluster
from components.gateway.values.home import NAMESPACE
from components.gateway.values.providers import kept, secret_name
from components.governance.values.access import shards
from components.model import Gateway, Provider
from components.model.loading import EnvironmentModel

LIMIT_HOURS: Final = 24
AGAIN_SECONDS: Final = 5.0
"""How often the store is asked again: what is pushed takes a moment to be there."""
_POLL_SECONDS: Final = 0.25
_FORCE: Final = "force-sync"
_EXTERNAL: Final = "/apis/external-secrets.io/v1/namespaces/{}/externalsecrets"
_PUSH: Final = "/apis/external-secrets.io/v1alpha1/namespaces/{}/pushsecrets"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Keys that are replaced together: in one namespace, objects of External Secrets by name."""

    namespace: str
    pushed: tuple[str, ...]
    """PushSecrets, which make new values."""
    brought: tuple[str, ...]
    """ExternalSecrets, which bring values into Secrets of the same name."""


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """A Secret whose values were all replaced."""

    secret: str
    keys: int
    seconds: float
    """From the command to the last new value."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Age:
    """How old a key is; `hours` is None where nothing tells that it was ever made."""

    key: str
    hours: float | None

    @property
    def fresh(self) -> bool:
        return self.hours is not None and self.hours < LIMIT_HOURS

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "fresh": self.fresh}


def keys_of_provider(provider: Provider) -> Keys:
    """The key of a provider. Raises `CliError` where it has none."""
    if provider.key is None:
        message = f"the provider {provider.id} has no key: there is nothing to rotate"
        raise CliError(Exit.CONFIG, message, "add `key` with its path in the secret store")
    return Keys(namespace=NAMESPACE, pushed=(), brought=(secret_name(provider.id),))


def keys_of_tenant(model: EnvironmentModel, tenant: str) -> Keys:
    """The virtual keys of a tenant. Raises `CliError` where it has none."""
    use = model.gateways.get(tenant)
    if use is None or not use.keys:
        raise CliError(Exit.CONFIG, f"the tenant {tenant} has no virtual keys", "it rotates nothing")
    return Keys(
        namespace=model.tenants[tenant].gateway_namespace,
        pushed=tuple(naming.join("key", key.id) for key in use.keys),
        brought=tuple(name for name, _ in shards(use.keys)),
    )


def rotate(cluster: Cluster, keys: Keys, seconds: float, tell: Callable[[str], None]) -> list[Rotated]:
    """Have new values made and brought, and wait until every one is there.

    Raises `CliError` where External Secrets or an object of it is not there, and where after `seconds` some
    value is still the old one.
    """
    begun = time.monotonic()
    before = {name: _hashes(cluster, keys.namespace, name) for name in keys.brought}
    for name in keys.pushed:
        _force(cluster, _PUSH, keys.namespace, name)
    waiting = dict(before)
    done: list[Rotated] = []
    asked = float("-inf")
    while waiting:
        if time.monotonic() - begun > seconds:
            raise CliError(Exit.FINDING, *_overdue(cluster, keys, sorted(waiting), seconds))
        if time.monotonic() - asked > AGAIN_SECONDS:
            for name in waiting:
                _force(cluster, _EXTERNAL, keys.namespace, name)
            asked = time.monotonic()
        for name, old in list(waiting.items()):
            new = _hashes(cluster, keys.namespace, name)
            if new and all(old.get(key) != value for key, value in new.items()):
                took = round(time.monotonic() - begun, 2)
                done.append(Rotated(secret=f"{keys.namespace}/{name}", keys=len(new), seconds=took))
                del waiting[name]
        if waiting:
            tell(f"waiting for new values in {', '.join(sorted(waiting))}")
            time.sleep(_POLL_SECONDS)
    return done


def _overdue(cluster: Cluster, keys: Keys, waiting: Sequence[str], seconds: float) -> tuple[str, str]:
    said = [f"{name}: {text}" for name in waiting for text in _complaints(cluster, keys.namespace, name)]
    message = f"after {seconds:g} s the old values are still in {', '.join(waiting)} of {keys.namespace}"
    mend = "; ".join(said) or "replace the value in the secret store, and see that External Secrets runs"
    return message, mend


def _complaints(cluster: Cluster, namespace: str, name: str) -> Iterator[str]:
    """What External Secrets says against an ExternalSecret of its own."""
    found = cluster.get(f"{_EXTERNAL.format(namespace)}/{name}")
    for condition in found.get("status", {}).get("conditions", []):
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            yield str(condition.get("message", condition.get("reason", "")))


def _hashes(cluster: Cluster, namespace: str, name: str) -> dict[str, bytes]:
    """A hash of each value of a Secret; none where it is not there."""
    try:
        found = cluster.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    except ApiError as error:
        if error.code != 404:
            raise
        return {}
    return {key: hashlib.sha256(value.encode()).digest() for key, value in (found.get("data") or {}).items()}


def _force(cluster: Cluster, path: str, namespace: str, name: str) -> None:
    """Have External Secrets look at an object now: it does when an annotation changes."""
    patch = {"metadata": {"annotations": {_FORCE: str(time.time_ns())}}}
    at = f"{path.format(namespace)}/{name}"
    try:
        cluster.request("PATCH", at, patch, content_type=MERGE_PATCH)
    except ApiError as error:
        if error.code != 404:
            raise
        message = f"{at} is not on the cluster"
        raise CliError(
            Exit.DRIFT, message, "deploy it with `bastide up`; External Secrets must be installed"
        ) from error


def ages(cluster: Cluster, model: EnvironmentModel, gateway: Gateway) -> list[Age]:
    """How old every key of the environment is: those of providers, then those of tenants."""
    moment = datetime.now(UTC)
    found = [
        (f"{NAMESPACE}/{secret_name(provider.id)}", _changed(cluster, secret_name(provider.id)))
        for provider in kept(gateway)
        if provider.key
    ]
    for name, use in model.gateways.items():
        namespace = model.tenants[name].gateway_namespace
        made = _pushed(cluster, namespace) if use.keys else {}
        names = [naming.join("key", key.id) for key in use.keys]
        found += [(f"{namespace}/{each}", made.get(each)) for each in names]
    return [Age(key=key, hours=_hours(moment, made)) for key, made in found]


def _hours(moment: datetime, made: str | None) -> float | None:
    if not made:
        return None
    return round((moment - datetime.fromisoformat(made)).total_seconds() / 3600, 2)


def _changed(cluster: Cluster, name: str) -> str | None:
    """When the values of a Secret last changed: the API server notes it of whoever owns them."""
    try:
        found = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")
    except ApiError as error:
        if error.code != 404:
            raise
        return None
    metadata = found["metadata"]
    managed = metadata.get("managedFields", [])
    times = [str(each["time"]) for each in managed if "f:data" in each.get("fieldsV1", {})]
    return max(times, default=str(metadata["creationTimestamp"]))


def _pushed(cluster: Cluster, namespace: str) -> Mapping[str, str | None]:
    """When each PushSecret last made a value and gave it to the store."""
    try:
        items = cluster.items(_PUSH.format(namespace))
    except ApiError as error:
        if error.code != 404:
            raise
        return {}
    return {item["metadata"]["name"]: item.get("status", {}).get("refreshTime") for item in items}
