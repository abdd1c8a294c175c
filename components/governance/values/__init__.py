"""A tenant's use of the AI gateway as manifests: in a namespace of its own, owned by the platform."""

from __future__ import annotations

from components import naming
from components.governance.values import access, alerts, guard, limits, routes, tools
from components.governance.values.scope import Scope
from components.kubernetes import Manifest
from components.manifests import default_deny, namespace, quota
from components.model import Gateway, GovernanceOutputs, Tenant, TenantGateway

_NOTHING = ("requests.cpu", "requests.memory", "limits.memory", "pods", "requests.storage")


def scope_of(environment: str, tenant: Tenant, use: TenantGateway, gateway: Gateway) -> Scope:
    """The tenant at the gateway: its namespace `<tenant>-gateway` and the labels of all that is its."""
    labels = naming.labels(
        environment=environment,
        layer=tenant.id,
        block="governance",
        tenant=tenant.id,
        purpose=naming.GATEWAY_PURPOSE,
        cost_center=tenant.cost_center,
    )
    home = naming.namespace(tenant.id, naming.GATEWAY_PURPOSE)
    return Scope(tenant=tenant.id, use=use, gateway=gateway, namespace=home, labels=labels)


def home(scope: Scope, owner: str) -> Manifest:
    """The namespace of routes, keys and limits. It is the platform's: the tenant has no role in it."""
    return namespace(scope.namespace, scope.labels, owner)


def guards(scope: Scope) -> list[Manifest]:
    """Nothing runs in the namespace, and nothing reaches it."""
    hard = {**dict.fromkeys(_NOTHING, "0"), "count/resourceclaims.resource.k8s.io": "0"}
    return [quota(scope.namespace, scope.labels, hard), default_deny(scope.namespace, scope.labels)]


def credentials(scope: Scope) -> list[Manifest]:
    """What must be there before a route lets anybody in: keys, the guard's rules, the right to backends."""
    providers = routes.used_providers(scope.use, scope.gateway)
    granted = [routes.reference_grant(scope, providers)] if providers else []
    return [guard.policy(scope), *granted, *access.secrets(scope)]


def policies(scope: Scope) -> list[Manifest]:
    """What holds on the tenant's routes: who gets in, how much, and who is told."""
    return [*access.security_policies(scope), limits.limits(scope), alerts.alerts(scope)]


def entrances(scope: Scope) -> list[Manifest]:
    """The routes themselves, to models and to tools."""
    return [*routes.routes(scope), *tools.tools(scope)]


def outputs(scope: Scope) -> GovernanceOutputs:
    """What other stacks and drills may rely on."""
    return GovernanceOutputs(
        namespace=scope.namespace,
        hosts={
            listener: naming.gateway_host(scope.tenant, listener, scope.gateway.domain)
            for listener in (naming.KEYS_LISTENER, naming.ID_LISTENER)
        },
        models=tuple(model.id for model in routes.used_models(scope.use, scope.gateway)),
        providers=tuple(routes.used_providers(scope.use, scope.gateway)),
    )
