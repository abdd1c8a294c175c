"""The guard is told of a model what its routes do: where one backend is off the premises, it masks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components import naming
from policies.gateway import AI_ROUTE, asked, place, planned, table
from policies.objects import labels, spec
from policies.rule import Object, Planned, Rule
from policies.unknown import known, whole

CONFIG = ("v1/ConfigMap",)
_KEY = "policy.json"


def check_stack(resources: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    told = {place(one.props)[1]: one.props for one in planned(resources, CONFIG) if _of_guard(one.props)}
    for route in planned(resources, AI_ROUTE):
        tenant, leaving = labels(route.props).get(naming.TENANT), _leaving(route.props)
        if not known(tenant) or not leaving:
            continue
        policy = _parsed(told.get(naming.guard_policy(str(tenant)), {}))
        if policy is None:
            continue
        for model in leaving:
            if _part(_part(policy, "models"), model).get("leaves") is not True:
                yield route.urn, f"model {model} may leave the premises, but the guard is not told so"
        if not _part(policy, "masking").get("entities"):
            yield route.urn, "the guard is told of no personal data that it must mask"


def _of_guard(config: Object) -> bool:
    where, name = place(config)
    return where == naming.GATEWAY_NAMESPACE and known(name)


def _leaving(route: Object) -> list[str]:
    """The models that a route may send off the premises."""
    rows = table(route, naming.BACKENDS, 4)
    if not known(rows) or not whole(spec(route)):
        return []
    stays = {(backend, model) for backend, model, where, _ in rows if where == "on"}
    found = {}
    for rule in spec(route).get("rules") or ():
        refs = [(ref.get("name"), ref.get("modelNameOverride")) for ref in rule.get("backendRefs") or ()]
        if not stays.issuperset(refs):
            found.update(dict.fromkeys(asked(rule)))
    return list(found)


def _parsed(config: Object) -> Mapping[str, Any] | None:
    """The guard's policy for a tenant: empty where there is none, nothing where a preview cannot know it."""
    text = (config.get("data") or {}).get(_KEY) or "{}"
    if not known(text):
        return None
    try:
        return _part({_KEY: json.loads(text)}, _KEY)
    except ValueError:
        return {}


def _part(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = of.get(key)
    return found if isinstance(found, dict) else {}


RULE = Rule(
    id="prompts-masked",
    title="The guard masks the prompts of every model that a route may send off the premises",
    severity="critical",
    controls=(
        "NIST-800-53:AC-4",
        "NIST-800-53:SI-10",
        "ISO-42001:A.9.2",
        "MLPS-2.0:8.1.4.11",
        "OWASP-LLM:LLM02",
    ),
    remediation="Write the tenant's ConfigMap of the guard from the same models as its routes.",
    kinds=(*AI_ROUTE, *CONFIG),
    covers=("P1", "G7"),
    check_stack=check_stack,
)
