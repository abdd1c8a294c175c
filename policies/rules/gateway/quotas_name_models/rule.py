"""A quota counts something: one for a model that no backend serves is skipped by the gateway in silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from components import naming
from policies.gateway import AI_BACKEND, AI_QUOTA, AI_ROUTE, listed, place, planned, targets
from policies.objects import spec
from policies.rule import Planned, Rule
from policies.unknown import known


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    served = _served(resources)
    if served is None:
        return
    for policy in planned(resources, AI_QUOTA):
        where, _ = place(policy.props)
        backends = [one.get("name") for one in targets(policy.props)]
        for quota in spec(policy.props).get("perModelQuotas") or ():
            model = quota.get("modelName")
            for backend in backends:
                if all(map(known, (where, backend, model))) and model not in served[where, backend]:
                    yield policy.urn, f"perModelQuotas: backend {backend} serves no model {model}"


def _served(resources: Sequence[Planned]) -> dict[tuple[Any, Any], set[str]] | None:
    """The models of each backend: those with a price, and those that a route asks it for."""
    found: dict[tuple[Any, Any], set[str]] = defaultdict(set)
    for backend in planned(resources, AI_BACKEND):
        models = listed(backend.props, naming.PRICES)
        if not known(models):
            return None
        found[place(backend.props)].update(models)
    for route in planned(resources, AI_ROUTE):
        for rule in spec(route.props).get("rules") or ():
            for ref in rule.get("backendRefs") or ():
                where = ref.get("namespace") or place(route.props)[0]
                if known(model := ref.get("modelNameOverride")) and model:
                    found[where, ref.get("name")].add(model)
    return found


RULE = Rule(
    id="quotas-name-models",
    title="Quotas are for models that their backend serves",
    severity="high",
    controls=("NIST-800-53:SC-5", "NIST-800-53:CM-6", "ISO-42001:A.4.5", "OWASP-LLM:LLM10"),
    remediation="Name the model as the provider does, like the route's modelNameOverride.",
    kinds=(*AI_QUOTA, *AI_BACKEND, *AI_ROUTE),
    covers=("P1", "G4"),
    check_stack=check_stack,
)
