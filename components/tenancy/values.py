"""A tenant's manifests: namespaces, quotas, network, roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components import naming
from components.kubernetes import Manifest
from components.manifests import (
    READ,
    WRITE,
    allow_dns,
    binding,
    default_deny,
    group,
    limits,
    meta,
    namespace,
    network_policy,
    quota,
    role,
    rule,
    user,
)
from components.model import Department, Quota, Tenant, TenantNamespace, TenantOutputs

_PODS = ("pods", "services", "configmaps", "persistentvolumeclaims")
_APPS = ("deployments", "statefulsets", "daemonsets", "replicasets")
_JOBS = ("jobs", "cronjobs")
_CLAIMS = ("resourceclaims", "resourceclaimtemplates")
_BOUNDS = ("resourcequotas", "limitranges", "events", "serviceaccounts")
_FENCES = ("networkpolicies",)
_GRANTS = ("roles", "rolebindings")


def department(tenant: Tenant, entry: TenantNamespace) -> Department | None:
    """The department that a namespace belongs to; None where it is the whole tenant's."""
    return next((known for known in tenant.departments if known.id == entry.department), None)


def namespace_name(tenant: Tenant, entry: TenantNamespace) -> str:
    """The name of the tenant's namespace, e.g. `acme-research-models`."""
    return naming.namespace(tenant.id, entry.purpose, entry.department)


def labels_of(environment: str, tenant: Tenant, entry: TenantNamespace) -> dict[str, str]:
    """The labels of a namespace and of all that is in it: costs follow the department, else the tenant."""
    own = department(tenant, entry)
    common = naming.labels(
        environment=environment,
        layer=tenant.id,
        block="tenancy",
        tenant=tenant.id,
        department=entry.department,
        purpose=entry.purpose,
        cost_center=own.cost_center if own else tenant.cost_center,
    )
    return common | {naming.DATA_CLASS: entry.data_class}


def namespace_of(environment: str, tenant: Tenant, entry: TenantNamespace) -> Manifest:
    """The namespace, restricted by Pod Security, owned by the department, else by the tenant."""
    own = department(tenant, entry)
    owner = own.owner if own else tenant.owner
    return namespace(namespace_name(tenant, entry), labels_of(environment, tenant, entry), owner)


def hard(granted: Quota, device_classes: Iterable[str]) -> dict[str, str]:
    """The quota's bounds: a device class that is not granted is bounded by zero, never left open."""
    devices = {name: granted.devices.get(name, 0) for name in device_classes}
    return {
        "requests.cpu": str(granted.cpu),
        "requests.memory": str(granted.memory),
        "limits.memory": str(granted.memory),
        "pods": str(granted.pods),
        "requests.storage": str(granted.storage),
        **{naming.device_quota(name): str(count) for name, count in devices.items()},
    }


def guards(
    environment: str, tenant: Tenant, entry: TenantNamespace, device_classes: Iterable[str]
) -> list[Manifest]:
    """What must stand in a namespace before anything runs in it: bounds and closed doors."""
    name, labels = namespace_name(tenant, entry), labels_of(environment, tenant, entry)
    default, most = tenant.container_defaults, tenant.container_maximum
    return [
        quota(name, labels, hard(entry.quota, device_classes)),
        limits(
            name,
            labels,
            {"cpu": str(default.cpu), "memory": str(default.memory)},
            {"cpu": str(most.cpu), "memory": str(most.memory)},
        ),
        default_deny(name, labels),
        allow_dns(name, labels),
        _allow_tenant(tenant, name, labels),
    ]


def _allow_tenant(tenant: Tenant, name: str, labels: Mapping[str, str]) -> Manifest:
    peers = [{"namespaceSelector": {"matchLabels": {naming.TENANT: tenant.id}}}]
    return network_policy("allow-tenant", name, labels, ingress=[{"from": peers}], egress=[{"to": peers}])


ROLE_RULES = {
    "admin": (
        rule("", (*_PODS, "secrets"), READ + WRITE),
        rule("apps", _APPS, READ + WRITE),
        rule("batch", _JOBS, READ + WRITE),
        rule("resource.k8s.io", _CLAIMS, READ + WRITE),
        rule("policy", ("poddisruptionbudgets",), READ + WRITE),
        rule("autoscaling", ("horizontalpodautoscalers",), READ + WRITE),
        rule("", ("pods/log",), ("get",)),
        rule("", ("pods/exec", "pods/portforward"), ("create",)),
        rule("", _BOUNDS, READ),
        rule("networking.k8s.io", _FENCES, READ),
        rule("rbac.authorization.k8s.io", _GRANTS, READ),
    ),
    "developer": (
        rule("", _PODS, READ + WRITE),
        rule("apps", _APPS, READ + WRITE),
        rule("batch", _JOBS, READ + WRITE),
        rule("resource.k8s.io", _CLAIMS, READ + WRITE),
        rule("", ("pods/log",), ("get",)),
        rule("", ("pods/exec", "pods/portforward"), ("create",)),
        rule("", _BOUNDS, READ),
        rule("networking.k8s.io", _FENCES, READ),
    ),
    naming.AGENT: (
        rule("", ("pods", "configmaps"), READ),
        rule("", ("pods/log",), ("get",)),
        rule("resource.k8s.io", ("resourceclaims",), READ),
    ),
    "auditor": (
        rule("", _PODS, READ),
        rule("apps", _APPS, READ),
        rule("batch", _JOBS, READ),
        rule("resource.k8s.io", _CLAIMS, READ),
        rule("policy", ("poddisruptionbudgets",), READ),
        rule("autoscaling", ("horizontalpodautoscalers",), READ),
        rule("", _BOUNDS, READ),
        rule("networking.k8s.io", _FENCES, READ),
        rule("rbac.authorization.k8s.io", _GRANTS, READ),
    ),
}
"""What each role may do in a namespace.

Nobody in a tenant writes quotas, limits, network policies (they add up: one more could open the door) or
roles; these change in the tenant's stack only. Secrets are the admin's: neither agent nor auditor nor
developer reads them.
"""


def access(environment: str, tenant: Tenant, entry: TenantNamespace) -> list[Manifest]:
    """Roles, their bindings to groups and users, and the agents' service account."""
    name, labels = namespace_name(tenant, entry), labels_of(environment, tenant, entry)
    account: Manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": meta(naming.AGENT, labels, name),
        "automountServiceAccountToken": False,
    }
    made = [account]
    for named, rules in ROLE_RULES.items():
        # A role that nobody holds keeps its binding: rights are withdrawn in place, never by a deletion.
        made += [
            role(named, labels, rules, name),
            binding(named, labels, subjects(tenant, entry, named), name),
        ]
    return made


def subjects(tenant: Tenant, entry: TenantNamespace, named: str) -> list[dict[str, str]]:
    """Who holds a role in a namespace: groups, users of its department, or the agents' account."""
    if named == naming.AGENT:
        return [{"kind": "ServiceAccount", "name": naming.AGENT, "namespace": namespace_name(tenant, entry)}]
    own = department(tenant, entry)
    users = [known.id for known in own.users if known.role == named] if own else []
    groups = [group(held) for held in groups_of(tenant)[named]]
    return groups + [user(naming.user(tenant.id, held)) for held in users]


def groups_of(tenant: Tenant) -> dict[str, tuple[str, ...]]:
    """The identity provider's groups by role. Agents are no people: their role goes to their account."""
    return {named: getattr(tenant.access, named) for named in ROLE_RULES if named != naming.AGENT}


def outputs(tenant: Tenant) -> TenantOutputs:
    """What other stacks and drills may rely on."""
    names = {
        naming.join(entry.department, entry.purpose): namespace_name(tenant, entry)
        for entry in tenant.namespaces
    }
    return TenantOutputs(
        tenant=tenant.id,
        namespaces=names,
        service_accounts={key: f"{name}/{naming.AGENT}" for key, name in names.items()},
        groups=groups_of(tenant),
    )
