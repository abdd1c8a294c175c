"""Alerts on a tenant's budgets, from the counters of Envoy's rate limit service.

The service knows a rule by its policy and its index. What a step in shadow mode would have refused is
counted apart from what the last step refuses.
Source: https://github.com/envoyproxy/ratelimit#statistics
"""

from __future__ import annotations

from typing import Any, Final

from components.governance.values.budgets import Step, steps
from components.governance.values.limits import POLICY, first_budget
from components.governance.values.scope import Scope
from components.kubernetes import Manifest

_METRIC: Final = "ratelimit_service_rate_limit"
_WINDOW: Final = "10m"


def alerts(scope: Scope) -> Manifest:
    """One alert for each step of each budget."""
    start = first_budget(scope)
    rules = [_alert(scope, step, start + index) for index, step in enumerate(steps(scope))]
    spec = {"groups": [{"name": f"budgets-{scope.tenant}", "rules": rules}]}
    return scope.manifest("monitoring.coreos.com/v1", "PrometheusRule", "budgets", spec)


def _alert(scope: Scope, step: Step, index: int) -> dict[str, Any]:
    domain = f"{scope.namespace}/{POLICY}"
    rule = f"{domain}/rule/{index}"
    counter = f"{_METRIC}_{'over_limit' if step.enforced else 'shadow_mode'}"
    series = f'{counter}{{domain="{domain}",key1="{rule}_{rule}"}}'
    # A counter that has just appeared has not increased yet as far as Prometheus can tell.
    fresh = f"{series} unless {series} offset {_WINDOW}"
    expression = f"sum(increase({series}[{_WINDOW}])) > 0 or sum({fresh}) > 0"
    happened = "cut off" if step.enforced else f"at {step.percent} %"
    whose = f"{step.level} {step.name}"
    return {
        "alert": "BudgetUsedUp" if step.enforced else "BudgetStep",
        "expr": expression,
        "labels": {
            "severity": "critical" if step.enforced else "warning",
            "tenant": scope.tenant,
            "level": step.level,
            "budget": step.name,
            "percent": str(step.percent),
        },
        "annotations": {
            "summary": f"The monthly budget of {whose} ({scope.tenant}) is {happened}",
            "description": f"{step.units} units of {scope.gateway.accounting.unit} "
            f"{scope.gateway.accounting.currency} have been used. `bastide usage` tells by whom.",
        },
    }
