"""The one place that makes names, labels and annotations.

Names are bounded, stable and lower-case: a name that would be too long keeps its head and ends in a
hash of the whole, so that two long names never collide silently.
Source of the limits: RFC 1123 labels, https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

DOMAIN: Final = "bastide.dev"
LABEL_MAX: Final = 63
_HASH: Final = 8

# Keys of labels and annotations: `app.kubernetes.io` and `topology.kubernetes.io` are those of Kubernetes.
ENVIRONMENT: Final = f"{DOMAIN}/environment"
LAYER: Final = f"{DOMAIN}/layer"
BLOCK: Final = f"{DOMAIN}/block"
TENANT: Final = f"{DOMAIN}/tenant"
DEPARTMENT: Final = f"{DOMAIN}/department"
PURPOSE: Final = f"{DOMAIN}/purpose"
COST_CENTER: Final = f"{DOMAIN}/cost-center"
DATA_CLASS: Final = f"{DOMAIN}/data-class"
OWNER: Final = f"{DOMAIN}/owner"  # annotation: an address is no label value
POOL: Final = f"{DOMAIN}/pool"
RACK: Final = f"{DOMAIN}/rack"
ROLE: Final = f"{DOMAIN}/role"
ISOLATION: Final = f"{DOMAIN}/isolation"
ENCRYPTED: Final = f"{DOMAIN}/encrypted"
STAND_IN: Final = f"{DOMAIN}/stand-in"  # annotation of a definition that stands in for the real one
LISTENER: Final = f"{DOMAIN}/listener"
PREMISES: Final = f"{DOMAIN}/premises"  # of a backend: `on` or `off`
ENVIRONMENT_KIND: Final = f"{DOMAIN}/environment-kind"
ACCELERATOR: Final = f"{DOMAIN}/accelerator"  # taint of nodes that are kept for claims
# Annotations by which the charter judges the gateway. Lists are joined by commas, tables made by `table`.
DATA_CLASSES: Final = f"{DOMAIN}/data-classes"  # list: classes of data that a backend may be sent
PRICES: Final = f"{DOMAIN}/prices"  # list: models of a backend that have a price
MAY_LEAVE: Final = f"{DOMAIN}/may-leave"  # list: classes of data that may leave the premises
MODELS: Final = f"{DOMAIN}/models"  # of a route: model, classes
BACKENDS: Final = f"{DOMAIN}/backends"  # table: backend, its model, `on` or `off`, classes
KEYS: Final = f"{DOMAIN}/keys"  # of keys: client, owner, expires, grant, class
GRANTS: Final = f"{DOMAIN}/grants"  # of limits: grant, owner, expires, class, demand, approvals needed
APPROVALS: Final = f"{DOMAIN}/approvals"  # of limits: grant, person, role, until
ZONE: Final = "topology.kubernetes.io/zone"
REGION: Final = "topology.kubernetes.io/region"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
PART_OF: Final = "app.kubernetes.io/part-of"
POD_SECURITY: Final = "pod-security.kubernetes.io"

ACCELERATOR_DRIVER: Final = f"accelerator.{DOMAIN}"
"""DRA driver name of simulated accelerators, and the domain of the capability attributes."""

# API groups that several blocks and the charter speak of.
AI_GATEWAY_API: Final = "aigateway.envoyproxy.io"
ENVOY_GATEWAY_API: Final = "gateway.envoyproxy.io"
GATEWAY_API: Final = "gateway.networking.k8s.io"
SECRETS_API: Final = "external-secrets.io"
GENERATORS_API: Final = f"generators.{SECRETS_API}/v1alpha1"

AGENT: Final = "agent"
"""The service account under which a tenant's agents run, and the name of its role."""

GATEWAY_NAMESPACE: Final = "bastide-gateway"
GATEWAY: Final = "ai"
KEYS_LISTENER: Final = "keys"
ID_LISTENER: Final = "id"
TOOLS_LISTENER: Final = "mcp"
KEYS_PREFIX: Final = "keys-"
"""How the names of Secrets with virtual keys begin."""
GATEWAY_PURPOSE: Final = "gateway"
"""Purpose of a tenant's namespace that holds its routes, keys and limits."""

MONITORING_NAMESPACE: Final = "monitoring"

# Request headers of the gateway. Of these a caller may send the task and its kind only.
HOST_HEADER: Final = "x-bastide-host"
CLIENT_HEADER: Final = "x-bastide-client"
TENANT_HEADER: Final = "x-bastide-tenant"
MONTH_HEADER: Final = "x-bastide-month"
ASSURANCE_HEADER: Final = "x-bastide-acr"
DECISION_HEADER: Final = "x-bastide-decision"
FINGERPRINT_HEADER: Final = "x-bastide-fingerprint"
TASK_HEADER: Final = "x-bastide-task"
TASK_KIND_HEADER: Final = "x-bastide-task-kind"
MODEL_HEADER: Final = "x-ai-eg-model"
COST_NAMESPACE: Final = "io.envoy.ai_gateway"
"""Where the AI gateway keeps what a call used, as Envoy's dynamic metadata."""


def bounded(name: str, limit: int = LABEL_MAX) -> str:
    """`name` if it fits in `limit` characters, else its head and an 8-digit hash of the whole."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    return f"{name[: limit - _HASH - 1].rstrip('-.')}-{digest}"


def join(*parts: str | None, limit: int = LABEL_MAX) -> str:
    """A DNS label of the non-empty parts: `join("acme", None, "agents")` is `acme-agents`."""
    return bounded("-".join(part for part in parts if part).lower(), limit)


def namespace(tenant: str, purpose: str, department: str | None = None) -> str:
    """The namespace of a tenant's purpose, e.g. `acme-agents` or `acme-research-agents`."""
    return join(tenant, department, purpose)


def group(tenant: str, role: str) -> str:
    """The identity provider's group that holds a role in a tenant, e.g. `bastide:acme:developer`."""
    return f"bastide:{tenant}:{role}"


def user(tenant: str, user_id: str) -> str:
    """The user name of a tenant's user: two tenants may both have an `ada`."""
    return f"bastide:{tenant}:user:{user_id}"


def client(tenant: str, grant: str, department: str | None, user: str, key: str) -> str:
    """The client id of a virtual key: `coding.research.<user>.<key>`; `-` stands for no department.

    Providers see it, so user and key are pseudonyms.
    """
    return ".".join((grant, department or "-", pseudonym(tenant, user), pseudonym(tenant, key)))


def pseudonym(tenant: str, name: str) -> str:
    """A stable name of ten digits in place of a person's; who knows the names can tell whose it is."""
    return hashlib.sha256(f"{tenant}/{name}".encode()).hexdigest()[:10]


def gateway(shard: int) -> str:
    """The name of one of the Gateways that share the tenants: `ai-0`."""
    return f"{GATEWAY}-{shard}"


def gateway_host(tenant: str, listener: str, domain: str) -> str:
    """The host name of a tenant at a listener of the gateway, e.g. `acme.keys.ai.example`."""
    return f"{tenant}.{listener}.{domain}"


def spiffe(trust_domain: str, namespace: str, account: str) -> str:
    """The SPIFFE id of a service account.

    Source: https://spiffe.io/docs/latest/spiffe-about/spiffe-concepts/
    """
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{account}"


def premises(inside: bool) -> str:
    """The value of the label `bastide.dev/premises`: whether something is on the premises or off."""
    return "on" if inside else "off"


def guard_policy(tenant: str) -> str:
    """The ConfigMap in the gateway's namespace that tells the guard a tenant's rules."""
    return f"guard-{tenant}"


def table(rows: Iterable[Iterable[str]]) -> str:
    """An annotation that CEL can take apart: a line for each row, a space between the fields.

    Raises `ValueError` where a field is empty or holds white space.
    """
    made = [list(row) for row in rows]
    if wrong := [field for row in made for field in row if field.split() != [field]]:
        raise ValueError(f"no field of a table: {wrong}")
    return "\n".join(map(" ".join, made))


def device_quota(device_class: str) -> str:
    """The ResourceQuota key that counts devices claimed of a class (Kubernetes DRA)."""
    return f"{device_class}.deviceclass.resource.k8s.io/devices"


def labels(*, environment: str, layer: str, block: str, **extra: str | None) -> dict[str, str]:
    """The labels that every object of ours carries.

    `extra` takes `tenant`, `department`, `purpose` and `cost_center`; empty ones are left out.
    """
    keys = {"tenant": TENANT, "department": DEPARTMENT, "purpose": PURPOSE, "cost_center": COST_CENTER}
    out = {MANAGED_BY: "pulumi", PART_OF: "bastide", ENVIRONMENT: environment, LAYER: layer, BLOCK: block}
    out.update({keys[key]: value for key, value in extra.items() if value})
    return out
