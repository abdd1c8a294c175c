"""Drills: the gateway is the platform's alone, guards and writes down every call, and keeps its promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from components import naming, probe
from components.cluster import ApiError, Cluster
from components.drill import Answer, Drill
from components.gateway.values import audit, providers, proxy, traffic
from components.model import Gateway, GatewayOutputs, TenantOutputs

_AI: Final = "/apis/aigateway.envoyproxy.io/v1beta1"
_ENVOY: Final = "/apis/gateway.envoyproxy.io/v1alpha1"
_API: Final = "/apis/gateway.networking.k8s.io/v1"
_SECRETS: Final = "/apis/external-secrets.io/v1"
_COVERS: Final = {
    "secrets": ("X9", "T2"),
    "foreign-routes": ("T2",),
    "audit": ("G12",),
    "guard": ("G7", "X4"),
    "providers": ("G1", "G8"),
}


def drills(
    gateway: Gateway, outputs: GatewayOutputs, tenants: Sequence[TenantOutputs], environment: str
) -> tuple[Drill, ...]:
    """The drills of a deployed gateway: those of each tenant, and those of the whole."""
    return (
        *(_secrets(outputs, tenant) for tenant in tenants),
        _foreign_routes(outputs, tenants, environment),
        _audit(outputs, environment),
        _guard(outputs, environment),
        _providers(gateway, outputs, environment),
    )


def _drill(name: str, target: str, ask: Callable[[Cluster], Answer], *, asked: str, expected: str) -> Drill:
    covers = _COVERS[name]
    return Drill(
        id=f"gateway.{name}", target=target, covers=covers, asked=asked, expected=expected, probe=ask
    )


def _inside(api: str, outputs: GatewayOutputs, plural: str, name: str = "") -> str:
    return f"{api}/namespaces/{outputs.namespace}/{plural}" + (f"/{name}" if name else "")


def _secrets(outputs: GatewayOutputs, tenant: TenantOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        admin = probe.member(*tenant.groups["admin"])
        own = next(iter(tenant.namespaces.values()))
        cluster.items(f"/api/v1/namespaces/{own}/secrets", identity=admin)
        options = {"params": probe.DRY_RUN, "identity": admin}
        attempts = [
            ("GET", _inside("/api/v1", outputs, "secrets")),
            ("GET", _inside("/api/v1", outputs, "configmaps")),
            ("POST", _inside(_AI, outputs, "aigatewayroutes")),
            ("POST", _inside(_API, outputs, "referencegrants").replace("/v1/", "/v1beta1/")),
            *(
                ("DELETE", _inside(_ENVOY, outputs, plural, naming.GATEWAY))
                for plural in ("backendtrafficpolicies", "clienttrafficpolicies", "envoyextensionpolicies")
            ),
            ("DELETE", _inside(_API, outputs, "gateways", naming.gateway(0))),
        ]
        said = ""
        for method, path in attempts:
            body = {"metadata": {"name": probe.unique("drill")}} if method == "POST" else None
            error = probe.refusal(cluster, method, path, body, **options)
            if error is None or error.code != 403:
                return Answer(text=f"an admin of {tenant.tenant} may {method} {path}", passed=False)
            said = error.message
        return Answer(text=f"own secrets listed; {len(attempts)} refused: {said}", passed=bool(said))

    return _drill(
        "secrets",
        tenant.tenant,
        ask,
        asked="a tenant's admin lists secrets of his own, then reads and changes what is the gateway's",
        expected="his own are listed; all else is forbidden",
    )


def _foreign_routes(outputs: GatewayOutputs, tenants: Sequence[TenantOutputs], environment: str) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        live = cluster.items(_inside(_API, outputs, "gateways"))
        listeners = [listener for each in live for listener in each["spec"]["listeners"]]
        wanted = {"matchLabels": {naming.PURPOSE: naming.GATEWAY_PURPOSE}}
        for listener in listeners:
            allowed = listener["allowedRoutes"]["namespaces"]
            if (allowed["from"], allowed.get("selector")) != ("Selector", wanted):
                return Answer(text=f"listener {listener['name']} admits {allowed}", passed=False)
        tried = 0
        for tenant, namespace in _namespaces(tenants):
            path = f"/api/v1/namespaces/{namespace}"
            if _is_admitted(cluster.get(path)):
                return Answer(text=f"{namespace} of {tenant.tenant} is admitted", passed=False)
            change = {"metadata": {"labels": wanted["matchLabels"]}}
            options = {"params": probe.DRY_RUN, "identity": probe.member(*tenant.groups["admin"])}
            kind = {"content_type": "application/merge-patch+json"}
            if probe.refusal(cluster, "PATCH", path, change, **options, **kind) is None:
                return Answer(text=f"an admin of {tenant.tenant} may label {namespace}", passed=False)
            tried += 1
        text = f"{len(listeners)} listeners; {tried} namespaces are kept out"
        return Answer(text=text, passed=bool(listeners) and tried > 0)

    return _drill(
        "foreign-routes",
        environment,
        ask,
        asked="the Gateways and all tenants' namespaces are read; their admins relabel them",
        expected="listeners admit labelled namespaces only, none of these is, and labelling is forbidden",
    )


def _namespaces(tenants: Iterable[TenantOutputs]) -> Iterator[tuple[TenantOutputs, str]]:
    return ((tenant, namespace) for tenant in tenants for namespace in tenant.namespaces.values())


def _is_admitted(namespace: dict[str, Any]) -> bool:
    return bool(namespace["metadata"].get("labels", {}).get(naming.PURPOSE) == naming.GATEWAY_PURPOSE)


def _audit(outputs: GatewayOutputs, environment: str) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        named = cluster.get(f"{_API}/gatewayclasses/{proxy.CLASS}")["spec"]["parametersRef"]["name"]
        live = cluster.get(_inside(_ENVOY, outputs, "envoyproxies", named))["spec"]["telemetry"]["accessLog"]
        if live.get("disable"):
            return Answer(text="the access log is switched off", passed=False)
        for setting in live["settings"]:
            if setting["format"].get("json") == dict(audit.FIELDS):
                filtered = setting.get("matches")
                sinks = [sink["file"]["path"] for sink in setting["sinks"] if sink["type"] == "File"]
                text = f"{len(audit.FIELDS)} fields to {sinks}, filter {filtered}"
                return Answer(text=text, passed=not filtered and "/dev/stdout" in sinks)
        return Answer(text="no setting writes the audit line", passed=False)

    return _drill(
        "audit",
        environment,
        ask,
        asked="the live settings of the Gateway's proxies are read",
        expected="every call is written, with all fields and without a filter",
    )


def _guard(outputs: GatewayOutputs, environment: str) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        live = cluster.items(_inside(_API, outputs, "gateways"))
        wanted = {(each["metadata"]["name"], name) for each in live for name in traffic.GUARDED}
        policy = cluster.get(_inside(_ENVOY, outputs, "envoyextensionpolicies", naming.GATEWAY))["spec"]
        targets = {(target["name"], target["sectionName"]) for target in policy["targetRefs"]}
        processors = policy["extProc"]
        order = cluster.get(_inside(_ENVOY, outputs, "envoyproxies", proxy.CLASS))["spec"]["filterOrder"]
        buffer = cluster.get(_inside(_ENVOY, outputs, "backendtrafficpolicies", naming.GATEWAY))["spec"]
        sound = {
            "before all models": bool(wanted) and targets == wanted,
            "fails closed": bool(processors) and not any(each.get("failOpen") for each in processors),
            "sees the body": all(
                each["processingMode"]["request"]["body"] == "Buffered" for each in processors
            ),
            "comes first": order == list(proxy.ORDER),
            "with a buffer behind": buffer.get("requestBuffer", {}).get("limit") == traffic.BODY,
        }
        wrong = [what for what, holds in sound.items() if not holds]
        return Answer(text=f"not so: {wrong}" if wrong else "; ".join(sound), passed=not wrong)

    return _drill(
        "guard",
        environment,
        ask,
        asked="the live policies of the Gateways are read",
        expected="every call of a model passes the guard first, whole, and none when it does not answer",
    )


def _providers(gateway: Gateway, outputs: GatewayOutputs, environment: str) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        routed = _routed(cluster)
        for each in gateway.providers:
            there, missing = _objects(cluster, outputs, each.id, bool(each.key))
            if each in providers.kept(gateway):
                if missing:
                    return Answer(text=f"{each.id} lacks {missing}", passed=False)
            elif there:
                return Answer(text=f"{each.id} is {each.lifecycle.state}, yet has {there}", passed=False)
            if not each.serves and each.id in routed:
                return Answer(text=f"{each.id} is {each.lifecycle.state}, yet routed to", passed=False)
        states = {each.id: each.lifecycle.state for each in gateway.providers}
        return Answer(text=f"{states}; routed to: {sorted(routed)}", passed=bool(outputs.providers))

    return _drill(
        "providers",
        environment,
        ask,
        asked="the API lists what there is of every provider, and all routes",
        expected="who serves has all its objects; who left or has not come has none, and no route",
    )


def _objects(cluster: Cluster, outputs: GatewayOutputs, name: str, key: bool) -> tuple[list[str], list[str]]:
    """The kinds of a provider's objects that are there, and those that are missing."""
    paths = {
        "Backend": _inside(_ENVOY, outputs, "backends", name),
        "AIServiceBackend": _inside(_AI, outputs, "aiservicebackends", name),
    }
    if key:
        secret = providers.secret_name(name)
        paths["BackendSecurityPolicy"] = _inside(_AI, outputs, "backendsecuritypolicies", name)
        paths["ExternalSecret"] = _inside(_SECRETS, outputs, "externalsecrets", secret)
    found = {kind: _exists(cluster, path) for kind, path in paths.items()}
    return [kind for kind in found if found[kind]], [kind for kind in found if not found[kind]]


def _exists(cluster: Cluster, path: str) -> bool:
    try:
        cluster.get(path)
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return True


def _routed(cluster: Cluster) -> set[str]:
    """The providers that any route of any namespace names."""
    return {
        reference["name"]
        for route in cluster.items(f"{_AI}/aigatewayroutes")
        for rule in route["spec"].get("rules", ())
        for reference in rule.get("backendRefs", ())
    }
