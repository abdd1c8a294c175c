"""Alerts and the service level objective of the gateway, as Prometheus rules.

Sources: https://sre.google/workbook/alerting-on-slos/, https://external-secrets.io/latest/api/metrics/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components import naming
from components.gateway.values import guard, home
from components.gateway.values.queries import (
    CALLS,
    HOME,
    either,
    failed,
    fallback_share,
    filter_failures,
    spent,
)
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import AiModel, Gateway, Provider

OBJECTIVE: Final = "0.999"
"""Share of calls that the gateway itself answers without an error of the server."""
BURNS: Final = (("1h", "5m", 14.4, "critical"), ("6h", "30m", 6.0, "critical"), ("3d", "6h", 1.0, "warning"))
"""Long and short window, how much faster than allowed errors come, and whom that wakes."""
ERRORS: Final = "bastide:gateway_errors:ratio_rate"
SPENT: Final = "bastide:gateway_spent:increase30d"


def rules(gateway: Gateway, labels: Mapping[str, str]) -> Manifest:
    """All rules of the gateway."""
    groups = {
        "gateway-slo": [*_recorded(), *_burns()],
        "gateway-budgets": list(_budgets(gateway)),
        "gateway-providers": [
            *(_errors(gateway, each) for each in gateway.providers if each.serves),
            *(_fallbacks(gateway, each) for each in gateway.models if each.fallback),
        ],
        "gateway-guard": list(_guard(gateway)),
        "gateway-keys": list(_keys(gateway)),
    }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": meta(naming.GATEWAY, labels, home.NAMESPACE),
        "spec": {"groups": [{"name": name, "rules": made} for name, made in groups.items()]},
    }


def _alert(
    name: str, expr: str, severity: str, summary: str, wait: str = "5m", **labels: str
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": wait,
        "labels": {"severity": severity, "block": "gateway", **labels},
        "annotations": {"summary": summary},
    }


def _recorded() -> Iterator[dict[str, str]]:
    windows = dict.fromkeys(window for long, short, *_ in BURNS for window in (long, short))
    for window in windows:
        yield {"record": f"{ERRORS}{window}", "expr": failed(window)}


def _burns() -> Iterator[dict[str, Any]]:
    for long, short, factor, severity in BURNS:
        most = f"({factor} * (1 - {OBJECTIVE}))"
        yield _alert(
            "GatewayErrorBudgetBurns",
            f"{ERRORS}{long} > {most} and {ERRORS}{short} > {most}",
            severity,
            f"The gateway fails calls {factor:g} times as fast as {OBJECTIVE} allows",
            "2m",
            window=long,
        )


def _budgets(gateway: Gateway) -> Iterator[dict[str, Any]]:
    """The platform's own budget; those of tenants are told by their own rules, and cut off."""
    accounting = gateway.accounting
    yield {"record": SPENT, "expr": spent(gateway)}
    for percent in (*accounting.steps, 100):
        most = accounting.monthly * percent / 100
        yield _alert(
            "GatewayPlatformBudget",
            f"{SPENT} >= {most:f}",
            "critical" if percent == 100 else "warning",
            f"All tenants together have used {percent} % of {accounting.monthly:f} {accounting.currency}",
            percent=str(percent),
        )
    yield _alert(
        "GatewayCountsNothing",
        "sum(increase(ratelimit_service_should_rate_limit_error[5m])) > 0",
        "critical",
        "The rate limit service cannot count: calls are refused until it can",
    )


def _errors(gateway: Gateway, provider: Provider) -> dict[str, Any]:
    served = {
        place.model for model in gateway.models for place in model.serving if place.provider == provider.id
    }
    calls = f'{CALLS}{{gen_ai_request_model=~"{either(served)}"'
    return _alert(
        "GatewayProviderErrors",
        f'sum(rate({calls},error_type!=""}}[5m])) / sum(rate({calls}}}[5m])) > 0.05',
        "critical",
        f"More than 5 % of the calls to {provider.id} fail",
        "10m",
        provider=provider.id,
    )


def _fallbacks(gateway: Gateway, model: AiModel) -> dict[str, Any]:
    return _alert(
        "GatewayFallback",
        f"{fallback_share(model)} > 0.1",
        "warning",
        f"More than 10 % of the calls for {model.id} are answered by another model",
        "15m",
        model=model.id,
    )


def _guard(gateway: Gateway) -> Iterator[dict[str, Any]]:
    yield _alert(
        "GatewayGuardFails",
        f"{filter_failures()} > 0",
        "critical",
        "Calls fail at the guard or at the AI gateway's processor: they are refused",
    )
    yield _alert(
        "GatewayGuardRefusesRules",
        f"max by (pod) (bastide_guard_policies_refused{{{HOME}}}) > 0",
        "critical",
        "Guard {{ $labels.pod }} refuses a tenant's rules: it goes on with those it had",
    )
    yield _alert(
        "GatewayGuardMissing",
        f'kube_deployment_status_replicas_available{{{HOME},deployment="{guard.NAME}"}}'
        f" < {gateway.guardrails.replicas}",
        "warning",
        "Fewer guards run than should",
        "15m",
    )
    yield _alert(
        "GatewayProxyMissing",
        f'kube_deployment_status_replicas_available{{{HOME},deployment="{naming.GATEWAY}"}}'
        f" < {gateway.replicas}",
        "warning",
        "Fewer proxies run than should",
        "15m",
    )


def _keys(gateway: Gateway) -> Iterator[dict[str, Any]]:
    """Keys come from the store: where that fails for a rotation's length, they are older than they may be."""
    ours = f'namespace=~"{home.NAMESPACE}|.+-{naming.GATEWAY_PURPOSE}"'
    for kind in ("externalsecret", "pushsecret"):
        yield _alert(
            "GatewayKeyNotFetched",
            f'{kind}_status_condition{{{ours},condition="Ready",status="False"}} == 1',
            "warning",
            f"{kind} {{{{ $labels.namespace }}}}/{{{{ $labels.name }}}} fails: its key is not renewed",
            "30m",
            kind=kind,
        )
    yield _alert(
        "GatewayKeyTooOld",
        f"increase(externalsecret_sync_calls_total{{{ours}}}[{gateway.rotation_hours}h]) == 0",
        "critical",
        f"{{{{ $labels.namespace }}}}/{{{{ $labels.name }}}} was not renewed in {gateway.rotation_hours} h",
        "1h",
    )
    if gateway.certificate_issuer:
        yield _alert(
            "GatewayCertificateExpires",
            f"certmanager_certificate_expiration_timestamp_seconds{{{HOME}}} - time() < 7 * 86400",
            "critical",
            "Certificate {{ $labels.name }} expires within a week",
            "1h",
        )
