"""What the guard must know of a tenant: a ConfigMap that it watches, so a change takes effect at once."""

from __future__ import annotations

import json
from typing import Any

from components import naming
from components.governance.values.routes import used_models
from components.governance.values.scope import Scope
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import AiModel, CutOff, Gateway, Grant


def policy(scope: Scope) -> Manifest:
    """The tenant's rules in the form that the guard reads (images/guard)."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(naming.guard_policy(scope.tenant), scope.labels, naming.GATEWAY_NAMESPACE),
        "data": {"policy.json": json.dumps(_rules(scope), indent=1, ensure_ascii=False)},
    }


def _rules(scope: Scope) -> dict[str, Any]:
    use, gateway = scope.use, scope.gateway
    models = used_models(use, gateway)
    return {
        "tenant": scope.tenant,
        "hosts": [
            naming.gateway_host(scope.tenant, listener, gateway.domain)
            for listener in (naming.KEYS_LISTENER, naming.ID_LISTENER)
        ],
        "grants": {grant.id: _grant(grant, gateway) for grant in use.grants},
        "keys": {scope.key(key): key.expires.isoformat() for key in use.keys},
        "workloads": {scope.workload(each): each.grant for each in use.workloads},
        "models": {name: _model(model, gateway) for model in models for name in model.names},
        "masking": {
            "entities": list(gateway.guardrails.entities),
            "patterns": [{"name": mask.name, "regex": mask.regex} for mask in use.masks],
        },
        "guardrails": {"injection": gateway.guardrails.injection},
        "routing": {"tasks": _tasks(gateway, {model.id for model in models})},
        "cutOffs": [_cut_off(scope, each) for each in use.cut_offs],
    }


def _grant(grant: Grant, gateway: Gateway) -> dict[str, Any]:
    named = {model for name in grant.models if (model := gateway.model(name))}
    return {
        "dataClass": grant.data_class,
        "models": [name for model in gateway.models if model in named for name in model.names],
        "caps": {"minutes": grant.caps.minutes} if grant.caps else None,
        "taskRequired": grant.caps is not None,
        "logPrompts": grant.data_class in gateway.guardrails.log_prompts,
        "expires": grant.expires.isoformat(),
    }


def _model(model: AiModel, gateway: Gateway) -> dict[str, Any]:
    return {
        "leaves": leaves(model, gateway),
        "context": model.context,
        "costRank": model.cost,
        "qualityRank": model.quality,
        "capabilities": list(model.capabilities),
    }


def leaves(model: AiModel, gateway: Gateway) -> bool:
    """Whether a prompt for the model may leave the premises: one place of the whole chain is enough."""
    return not all(provider.on_premises for provider in gateway.backends(model))


def _tasks(gateway: Gateway, allowed: set[str]) -> dict[str, list[str]]:
    """The order of models by kind of task, of those that the tenant may use."""
    kept = {task: [name for name in names if name in allowed] for task, names in gateway.tasks.items()}
    return {task: names for task, names in kept.items() if names}


def _cut_off(scope: Scope, cut: CutOff) -> dict[str, str]:
    """Whom it concerns, as one expression over client ids, and what they are told."""
    if cut.grant:
        who = scope.of_grant(cut.grant)
    elif cut.department:
        who = scope.of_department(cut.department)
    else:
        who = scope.of_user(cut.user or "")
    return {"clients": who, "since": cut.since.isoformat(), "reason": cut.reason}
