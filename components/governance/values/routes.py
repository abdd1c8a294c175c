"""A tenant's routes to models: which model answers whom, from where, and who answers in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components import naming
from components.governance.values.scope import Scope, batches, keys_of_grants
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import AiModel, Gateway, Serving, TenantGateway

RULES_MAX: Final = 15
"""Rules that one AIGatewayRoute may have; the sixteenth of an HTTPRoute refuses what none matches.

Source: https://aigateway.envoyproxy.io/docs/api/
"""


def routes(scope: Scope) -> list[Manifest]:
    """The AIGatewayRoutes of both listeners, of at most 15 models each."""
    made = []
    for listener, rules, grants in (
        (naming.KEYS_LISTENER, _for_keys(scope), {key.grant for key in scope.use.keys}),
        (naming.ID_LISTENER, _for_ids(scope), {workload.grant for workload in scope.use.workloads}),
    ):
        for number, part in enumerate(batches(rules, RULES_MAX)):
            name = naming.join(scope.tenant, listener, str(number))
            spec = {
                "parentRefs": [parent(scope, listener)],
                "hostnames": [naming.gateway_host(scope.tenant, listener, scope.gateway.domain)],
                "rules": list(part),
            }
            route = scope.manifest(f"{naming.AI_GATEWAY_API}/v1beta1", "AIGatewayRoute", name, spec)
            route["metadata"]["labels"][naming.LISTENER] = listener
            route["metadata"]["annotations"] = _facts(scope, part, grants)
            made.append(route)
    return made


def _facts(scope: Scope, rules: Sequence[Mapping[str, Any]], grants: set[str]) -> dict[str, str]:
    """What the charter asks of every route: the data that `grants` bring, what each backend may be sent."""
    names = [match["headers"][0]["value"] for rule in rules for match in rule["matches"]]
    models = [(name, ",".join(_classes(scope, name, grants))) for name in names]
    pairs = {(ref["name"], ref["modelNameOverride"]) for rule in rules for ref in rule["backendRefs"]}
    backends = [
        (name, model, naming.premises(provider.on_premises), ",".join(provider.data_classes))
        for name, model in sorted(pairs)
        if (provider := scope.gateway.provider(name))
    ]
    return {naming.MODELS: naming.table(models), naming.BACKENDS: naming.table(backends)}


def _classes(scope: Scope, name: str, grants: set[str]) -> list[str]:
    """The classes of data of those of `grants` that name a model."""
    model = scope.gateway.model(name)
    naming_it = _grants(scope.use, scope.gateway, model) & grants if model else set()
    return sorted({grant.data_class for grant in scope.use.grants if grant.id in naming_it})


def parent(scope: Scope, listener: str) -> dict[str, str]:
    """A reference to a listener of the Gateway that the tenant shares with others."""
    return {
        "group": naming.GATEWAY_API,
        "kind": "Gateway",
        "name": naming.gateway(scope.use.shard),
        "namespace": naming.GATEWAY_NAMESPACE,
        "sectionName": listener,
    }


def used_models(use: TenantGateway, gateway: Gateway) -> list[AiModel]:
    """The models that some grant names, in the platform's order."""
    return [model for model in gateway.models if _grants(use, gateway, model)]


def used_providers(use: TenantGateway, gateway: Gateway) -> list[str]:
    """The ids of the providers that may answer the tenant, fallbacks included."""
    named = {each.id for model in used_models(use, gateway) for each in gateway.backends(model)}
    return [each.id for each in gateway.providers if each.id in named and each.serves]


def _grants(use: TenantGateway, gateway: Gateway, model: AiModel) -> set[str]:
    return {grant.id for grant in use.grants if any(gateway.model(name) == model for name in grant.models)}


def _for_keys(scope: Scope) -> list[dict[str, Any]]:
    """Rules for virtual keys, which never reach a model that asks for a second factor."""
    rules = []
    for model in used_models(scope.use, scope.gateway):
        held = _grants(scope.use, scope.gateway, model) & {key.grant for key in scope.use.keys}
        if held and not model.high_risk:
            rules.append(
                _rule(scope, model, [_header(naming.CLIENT_HEADER, keys_of_grants(held), regex=True)])
            )
    return rules


def _for_ids(scope: Scope) -> list[dict[str, Any]]:
    """Rules for workloads, by their exact identities."""
    factor = [_header(naming.ASSURANCE_HEADER, scope.gateway.identity.second_factor)]
    rules = []
    for model in used_models(scope.use, scope.gateway):
        held = _grants(scope.use, scope.gateway, model)
        if known := scope.workloads(lambda workload, held=held: workload.grant in held):  # type: ignore[misc]
            who = _header(naming.CLIENT_HEADER, known, regex=True)
            rules.append(_rule(scope, model, [who, *(factor if model.high_risk else [])]))
    return rules


def _header(name: str, value: str, regex: bool = False) -> dict[str, str]:
    return {"name": name, "type": "RegularExpression" if regex else "Exact", "value": value}


def _rule(scope: Scope, model: AiModel, who: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Where the model is served, then where its fallbacks are; who is leaving gets nothing."""
    places = [
        _place(scope, serving, priority)
        for priority, each in enumerate(scope.gateway.chain(model))
        for serving in each.serving
        if (provider := scope.gateway.provider(serving.provider)) and provider.serves
    ]
    return {
        "matches": [{"headers": [_header(naming.MODEL_HEADER, name), *who]} for name in model.names],
        "backendRefs": places,
        "timeouts": {"request": f"{model.seconds}s"},
    }


def _place(scope: Scope, serving: Serving, priority: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": serving.provider,
        "namespace": naming.GATEWAY_NAMESPACE,
        "modelNameOverride": serving.model,
        "weight": serving.weight,
        "priority": priority,
    }
    provider = scope.gateway.provider(serving.provider)
    if provider and provider.on_premises:
        made["headerMutation"] = {"set": [{"name": naming.TENANT_HEADER, "value": scope.tenant}]}
    return made


def reference_grant(scope: Scope, providers: Sequence[str]) -> Manifest:
    """What of the platform's a tenant's routes may name: the granted providers, and no other.

    Source: https://gateway-api.sigs.k8s.io/api-types/referencegrant/
    """
    own = [(naming.AI_GATEWAY_API, "AIGatewayRoute"), (naming.GATEWAY_API, "HTTPRoute")]
    theirs = [(naming.AI_GATEWAY_API, "AIServiceBackend"), (naming.ENVOY_GATEWAY_API, "Backend")]
    return {
        "apiVersion": f"{naming.GATEWAY_API}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": meta(naming.join("tenant", scope.tenant), scope.labels, naming.GATEWAY_NAMESPACE),
        "spec": {
            "from": [{"group": group, "kind": kind, "namespace": scope.namespace} for group, kind in own],
            "to": [
                {"group": group, "kind": kind, "name": provider}
                for provider in providers
                for group, kind in theirs
            ],
        },
    }
