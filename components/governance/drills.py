"""Drills: a tenant's entrance to the AI gateway is guarded, and in nobody's hands but the platform's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components import naming, probe
from components.cluster import Cluster
from components.drill import Answer, Drill
from components.model import Gateway, GovernanceOutputs, TenantGateway, TenantOutputs

_COVERS = {
    "out-of-reach": ("T2", "G2", "X9"),
    "granted-backends": ("T2", "G1"),
    "nothing-leaves": ("G4", "G7"),
    "guarded-routes": ("G3", "G5"),
}
_AI = "/apis/aigateway.envoyproxy.io/v1beta1"
_ENVOY = "/apis/gateway.envoyproxy.io/v1alpha1"
_GATEWAY_API = "/apis/gateway.networking.k8s.io/v1beta1"


def drills(
    gateway: Gateway | None,
    uses: Mapping[str, TenantGateway],
    tenants: Sequence[TenantOutputs],
    governed: Mapping[str, GovernanceOutputs],
) -> tuple[Drill, ...]:
    """The drills of every tenant that has something at the gateway."""
    made: list[Drill] = []
    for tenant in tenants:
        own = governed.get(tenant.tenant)
        if gateway and own:
            made += [
                _out_of_reach(tenant, own),
                _granted_backends(tenant.tenant, own),
                _nothing_leaves(tenant.tenant, own, gateway, uses[tenant.tenant]),
                _guarded_routes(tenant.tenant, own),
            ]
    return tuple(made)


def _drill(tenant: str, name: str, ask: Callable[[Cluster], Answer], *, asked: str, expected: str) -> Drill:
    covers = _COVERS[name]
    return Drill(
        id=f"governance.{name}", target=tenant, covers=covers, asked=asked, expected=expected, probe=ask
    )


def _routes(cluster: Cluster, own: GovernanceOutputs) -> list[dict[str, Any]]:
    return cluster.items(f"{_AI}/namespaces/{own.namespace}/aigatewayroutes")


def _backends(route: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [ref for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]


def _out_of_reach(tenant: TenantOutputs, own: GovernanceOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        admin = probe.member(*tenant.groups["admin"])
        home = next(iter(tenant.namespaces.values()))
        cluster.items(f"/api/v1/namespaces/{home}/secrets", identity=admin)
        forbidden: dict[str, tuple[str, str, Any]] = {
            "keys": ("GET", f"/api/v1/namespaces/{own.namespace}/secrets", None),
            "routes": ("DELETE", f"{_AI}/namespaces/{own.namespace}/aigatewayroutes", None),
            "limits": ("DELETE", f"{_ENVOY}/namespaces/{own.namespace}/backendtrafficpolicies/limits", None),
            "the guard's rules": (
                "PATCH",
                f"/api/v1/namespaces/{naming.GATEWAY_NAMESPACE}/configmaps/{naming.guard_policy(tenant.tenant)}",
                {"data": {}},
            ),
        }
        for what, (method, path, body) in forbidden.items():
            if probe.refusal(cluster, method, path, body, params=_dry(method), identity=admin) is None:
                return Answer(text=f"the tenant's admin reached {what}", passed=False)
        return Answer(text=f"own secrets were listed; {', '.join(forbidden)} were forbidden", passed=True)

    return _drill(
        tenant.tenant,
        "out-of-reach",
        ask,
        asked="the tenant's admin reads its keys and changes routes, limits and the guard's rules",
        expected="all of it is forbidden, while secrets in the tenant's own namespaces can be listed",
    )


def _dry(method: str) -> dict[str, str]:
    return {} if method == "GET" else probe.DRY_RUN


def _granted_backends(tenant: str, own: GovernanceOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        grants = f"{_GATEWAY_API}/namespaces/{naming.GATEWAY_NAMESPACE}/referencegrants"
        grant = cluster.get(f"{grants}/{naming.join('tenant', tenant)}")
        granted = {to["name"] for to in grant["spec"]["to"] if to["kind"] == "AIServiceBackend"}
        there = cluster.items(f"{_AI}/namespaces/{naming.GATEWAY_NAMESPACE}/aiservicebackends")
        known = {found["metadata"]["name"] for found in there}
        named = {ref["name"] for route in _routes(cluster, own) for ref in _backends(route)}
        text = f"routes name {', '.join(sorted(named)) or 'nothing'}; granted {', '.join(sorted(granted))}"
        return Answer(text=text, passed=bool(named) and named == granted and named <= known)

    return _drill(
        tenant,
        "granted-backends",
        ask,
        asked="which backends the tenant's live routes name, and which it is granted",
        expected="exactly the granted ones, and all of them exist",
    )


def _nothing_leaves(tenant: str, own: GovernanceOutputs, gateway: Gateway, use: TenantGateway) -> Drill:
    closed = {grant.id for grant in use.grants if not _may_leave(gateway, grant.data_class)}

    def ask(cluster: Cluster) -> Answer:
        looked = 0
        for route in _routes(cluster, own):
            for rule in route["spec"]["rules"]:
                looked += 1
                held = {grant for grant in closed if _admits(rule, grant)}
                outside = [ref["name"] for ref in rule["backendRefs"] if _outside(gateway, ref["name"])]
                if held and outside:
                    who, where = ", ".join(sorted(held)), ", ".join(outside)
                    return Answer(text=f"{who} can reach {where} off the premises", passed=False)
        return Answer(text=f"{looked} rules looked at, {len(closed)} grants must stay", passed=looked > 0)

    return _drill(
        tenant,
        "nothing-leaves",
        ask,
        asked="whether a live route lets a grant for data that must stay reach a backend off the premises",
        expected="none does",
    )


def _may_leave(gateway: Gateway, data_class: str) -> bool:
    return any(data_class in each.data_classes for each in gateway.providers if not each.on_premises)


def _outside(gateway: Gateway, provider_id: str) -> bool:
    provider = gateway.provider(provider_id)
    return provider is None or not provider.on_premises


def _admits(rule: Mapping[str, Any], grant: str) -> bool:
    """Whether the rule's header match lets the keys of a grant in: they are named in its expression."""
    expressions = (
        header["value"]
        for match in rule["matches"]
        for header in match["headers"]
        if header["name"] == naming.CLIENT_HEADER
    )
    return any(grant in expression.partition(")")[0].strip("(").split("|") for expression in expressions)


def _guarded_routes(tenant: str, own: GovernanceOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        home = f"{_ENVOY}/namespaces/{own.namespace}"
        security = cluster.items(f"{home}/securitypolicies")
        limits = cluster.items(f"{home}/backendtrafficpolicies")
        routes = _routes(cluster, own)
        for route in routes:
            for what, policies in (("nobody who checks callers", security), ("no limit", limits)):
                if not any(_selects(policy, route) for policy in policies):
                    return Answer(text=f"{route['metadata']['name']} has {what}", passed=False)
        return Answer(text=f"{len(routes)} routes have both", passed=bool(routes))

    return _drill(
        tenant,
        "guarded-routes",
        ask,
        asked="whether every live route is selected by a policy on callers and by the tenant's limits",
        expected="every one is by both",
    )


def _selects(policy: Mapping[str, Any], route: Mapping[str, Any]) -> bool:
    """Whether a policy selects the HTTPRoute that is made of a route, which carries the route's labels."""
    labels = route["metadata"]["labels"]
    return any(
        labels.items() >= selector.get("matchLabels", {}).items()
        for selector in policy["spec"].get("targetSelectors", ())
        if selector["kind"] == "HTTPRoute"
    )
