"""The rules as the API server enforces them: ValidatingAdmissionPolicy objects with CEL.

What a policy matches comes from its rule's `kinds` and exceptions; the judgement itself is the rule's
`admission.yaml` (`validations`, `variables`). Both forms give one verdict: tests/policies/test_admission.py.
Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from components import naming
from components.kubernetes import Manifest
from policies.charter import text
from policies.exceptions import Exceptions, load
from policies.objects import SYSTEM_NAMESPACES
from policies.registry import folder, rules
from policies.rule import Rule
from policies.variables import shared

GATEWAY_FAMILY: Final = "gateway"
API: Final = "admissionregistration.k8s.io/v1"
NAMESPACE: Final = "v1/Namespace"

# An object on its way out must be able to go, and the API server writes its own bootstrap objects.
_ALWAYS: Final = (
    {"name": "stays", "expression": "!has(object.metadata.deletionTimestamp)"},
    {"name": "not-the-api-server", "expression": "request.userInfo.username != 'system:apiserver'"},
)
# What the gateway's controllers make of a route: the route itself has been judged.
_MADE: Final = {
    "name": "not-made-of-a-route",
    "expression": "!object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false) && "
    "o.kind in ['AIGatewayRoute', 'MCPRoute'] && o.apiVersion.startsWith('aigateway.envoyproxy.io/'))",
}


def path(rule: Rule) -> Path:
    """The rule's judgement in CEL; not every rule has one."""
    return folder(rule) / "admission.yaml"


def name(rule: Rule) -> str:
    """The name of a rule's policy and of its binding."""
    return f"bastide-{rule.id}"


def manifests(labels: Mapping[str, str], exceptions: Exceptions | None = None) -> list[Manifest]:
    """A policy and its binding for each rule that has an admission form.

    `labels` are put on each; `exceptions` are those of the file, if none are given.
    """
    excused = load() if exceptions is None else exceptions
    admitted = [rule for rule in rules() if path(rule).exists()]
    return [one for rule in admitted for one in (policy(rule, labels, excused), binding(rule, labels))]


def policy(rule: Rule, labels: Mapping[str, str], exceptions: Exceptions) -> Manifest:
    """A rule as a policy. It fails closed: what it cannot judge is refused."""
    form = _form(rule)
    of_gateway = folder(rule).parent.name == GATEWAY_FAMILY
    variables = [*shared(rule.kinds, of_gateway), *form.get("variables", ())]
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": resource_rules(rule.kinds)},
        "matchConditions": [*_ALWAYS, *([_MADE] if of_gateway else ()), *_excuses(rule, exceptions)],
        "validations": [{**one, "message": text(rule, one["message"])} for one in form["validations"]],
    }
    if variables:
        spec["variables"] = variables
    if params := form.get("params"):
        spec["paramKind"] = params
    return _manifest("ValidatingAdmissionPolicy", rule, labels, spec)


def binding(rule: Rule, labels: Mapping[str, str]) -> Manifest:
    """Where a policy holds: in our namespaces; a rule about namespaces: for all but the system's."""
    if NAMESPACE in rule.kinds:
        key, match = "kubernetes.io/metadata.name", {"operator": "NotIn", "values": list(SYSTEM_NAMESPACES)}
    else:
        key, match = naming.ENVIRONMENT, {"operator": "Exists"}
    spec: dict[str, Any] = {
        "policyName": name(rule),
        "validationActions": ["Deny", "Audit"],
        "matchResources": {"namespaceSelector": {"matchExpressions": [{"key": key, **match}]}},
    }
    if "params" in _form(rule):
        spec["paramRef"] = {"name": naming.GATEWAY_NAMESPACE, "parameterNotFoundAction": "Deny"}
    return _manifest("ValidatingAdmissionPolicyBinding", rule, labels, spec)


def resource_rules(kinds: Sequence[str]) -> list[dict[str, list[str]]]:
    """What of the API a rule's kinds are, one entry for each API group and version."""
    groups: dict[str, list[str]] = {}
    for kind in kinds:
        api_version, _, singular = kind.rpartition("/")
        groups.setdefault(api_version, []).extend(_resources(singular))
    return [
        {
            "apiGroups": [api_version.rpartition("/")[0]],
            "apiVersions": [api_version.rpartition("/")[2]],
            "operations": ["CREATE", "UPDATE"],
            "resources": sorted(resources),
        }
        for api_version, resources in sorted(groups.items())
    ]


def _resources(kind: str) -> list[str]:
    singular = kind.lower()
    if singular.endswith("y") and singular[-2] not in "aeiou":
        plural = f"{singular[:-1]}ies"
    else:
        plural = f"{singular}es" if singular.endswith("s") else f"{singular}s"
    return [plural, "pods/ephemeralcontainers"] if kind == "Pod" else [plural]


def _form(rule: Rule) -> Any:
    """The rule's `admission.yaml`; `params` in it is the kind of what it is given: the gateway's namespace.

    Not a ConfigMap: the API server stops to watch those for good once no policy asks for them any more.
    """
    return yaml.safe_load(path(rule).read_text())


def _excuses(rule: Rule, exceptions: Exceptions) -> list[dict[str, str]]:
    own = [waiver for waiver in exceptions.waivers if waiver.rule == rule.id]
    return [{"name": f"exception-{index}", "expression": one.expression} for index, one in enumerate(own)]


def _manifest(kind: str, rule: Rule, labels: Mapping[str, str], spec: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {"name": name(rule), "labels": dict(labels)},
        "spec": dict(spec),
    }
