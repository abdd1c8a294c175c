"""The gateway's namespace: restricted, bounded and closed before anything runs in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from components import naming
from components.gateway.values.restricted import BURST
from components.kubernetes import Manifest
from components.manifests import allow_dns, default_deny, limits, namespace, quota
from components.model import Gateway

NAMESPACE: Final = naming.GATEWAY_NAMESPACE

PROXY_CPU: Final = 1000
PROXY_MEMORY: Final = 2048
EXTPROC_CPU: Final = 500
EXTPROC_MEMORY: Final = 1024
DRAIN_CPU: Final = 10
DRAIN_MEMORY: Final = 64
GUARD_CPU: Final = 1000
GUARD_MEMORY: Final = 2048
"""What one container asks for and may take: milli-cores and MiB. The guard holds a language model."""

_MODEST = {"cpu": "100m", "memory": "128Mi"}
_LARGEST = {"cpu": BURST, "memory": "4Gi"}


def home(labels: Mapping[str, str], owner: str, backends: str) -> Manifest:
    """The namespace of the gateway's proxies, its guard, and all that it sends to.

    It carries the table of `backends`, to which the charter holds routes: of all kinds that a policy can be
    given as a parameter, namespaces are what every API server watches for as long as it runs.
    """
    made = namespace(NAMESPACE, labels, owner)
    made["metadata"]["annotations"][naming.BACKENDS] = backends
    return made


def guards(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """What bounds and closes the namespace: room for all proxies and guards, and as many again in a rollout.

    The way in is one load balancer for each Gateway; without a certificate there is none.
    """
    proxies = 2 * gateway.shards * gateway.replicas
    own_guards = 2 * gateway.guardrails.replicas
    cpu = proxies * (PROXY_CPU + EXTPROC_CPU + DRAIN_CPU) + own_guards * GUARD_CPU
    memory = proxies * (PROXY_MEMORY + EXTPROC_MEMORY + DRAIN_MEMORY) + own_guards * GUARD_MEMORY
    hard = {
        "requests.cpu": f"{cpu}m",
        "requests.memory": f"{memory}Mi",
        "limits.memory": f"{memory}Mi",
        "pods": str(proxies + own_guards),
        "requests.storage": "0",
        "count/resourceclaims.resource.k8s.io": "0",
    }
    return [
        quota(NAMESPACE, labels, hard, load_balancers=gateway.shards if gateway.certificate_issuer else 0),
        limits(NAMESPACE, labels, {**_MODEST, "cpu": _LARGEST["cpu"]}, _LARGEST, _MODEST),
        default_deny(NAMESPACE, labels),
        allow_dns(NAMESPACE, labels),
    ]
