"""What drills ask with: identities, restricted pods, refusals, patience."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from components.cluster import ApiError, Cluster, Identity
from components.kubernetes import Manifest
from components.upstream import catalog

Found = TypeVar("Found")

DRY_RUN = {"dryRun": "All"}
"""Admission, quota and validation happen as ever; nothing is stored."""


def member(*groups: str) -> Identity:
    """A person of the given groups, as the identity provider would present them."""
    return Identity(user="bastide:drill", groups=(*groups, "system:authenticated"))


def service_account(cluster: Cluster, namespace: str, name: str) -> Identity:
    """The bearer of a fresh token of a service account, valid for ten minutes."""
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    return Identity(token=cluster.request("POST", path, body)["status"]["token"])


def refusal(cluster: Cluster, method: str, path: str, body: Any = None, **options: Any) -> ApiError | None:
    """The API's refusal of a request (403 or 422), or None where it was accepted."""
    try:
        cluster.request(method, path, body, **options)
    except ApiError as error:
        if error.code in (403, 422):
            return error
        raise
    return None


def wait_for(ask: Callable[[], Found | None], seconds: float = 15, pause: float = 0.2) -> Found | None:
    """The first answer of `ask` that is not None; None after `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := ask()) is None and time.monotonic() < deadline:
        time.sleep(pause)
    return found


def create(cluster: Cluster, path: str, body: Manifest, identity: Identity, seconds: float = 5) -> None:
    """Make an object; ask again where another request held the quota that counts it."""

    def ask() -> bool | None:
        try:
            cluster.request("POST", path, body, identity=identity)
        except ApiError as error:
            if error.reason == "Conflict" and time.monotonic() < deadline:
                return None
            raise
        return True

    deadline = time.monotonic() + seconds
    wait_for(ask, seconds + 1)


def unique(stem: str) -> str:
    """A name that no other drill uses."""
    return f"{stem}-{secrets.token_hex(4)}"


def pod(name: str, namespace: str, labels: dict[str, str], claim: str = "") -> Manifest:
    """A small pod that every rule admits; `claim` names a resource claim that it waits for."""
    amounts = {"cpu": "10m", "memory": "16Mi"}
    container: dict[str, Any] = {
        "name": "pause",
        "image": catalog.image("pause"),
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    if claim:
        container["resources"]["claims"] = [{"name": "device"}]
        spec["resourceClaims"] = [{"name": "device", "resourceClaimName": claim}]
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def claim(name: str, namespace: str, device_class: str, count: int = 1, selector: str = "") -> Manifest:
    """A claim of `count` devices of a class, further narrowed by a CEL `selector`."""
    exactly: dict[str, Any] = {"deviceClassName": device_class, "count": count}
    if selector:
        exactly["selectors"] = [{"cel": {"expression": selector}}]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"devices": {"requests": [{"name": "device", "exactly": exactly}]}},
    }
