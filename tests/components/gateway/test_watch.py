"""Alerts, the objective, monitors and the dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser

from components.gateway.values import alerts, dashboard, guard, monitors, queries
from components.model import Gateway

METRICS = {
    "bastide_guard_calls_total",
    "bastide_guard_masked_values_total",
    "bastide_guard_policies_refused",
    "certmanager_certificate_expiration_timestamp_seconds",
    "envoy_http_downstream_rq_time_bucket",
    "envoy_http_downstream_rq_xx",
    "envoy_http_ext_proc_streams_failed",
    "externalsecret_status_condition",
    "externalsecret_sync_calls_total",
    "gen_ai_client_token_usage_sum",
    "gen_ai_server_request_duration_seconds_count",
    "gen_ai_server_time_to_first_token_seconds_bucket",
    "kube_deployment_status_replicas_available",
    "pushsecret_status_condition",
    "ratelimit_service_rate_limit_over_limit",
    "ratelimit_service_rate_limit_shadow_mode",
    "ratelimit_service_should_rate_limit_error",
}
"""What the gateway's parts are known to count."""


def rules(gateway: Gateway) -> list[dict[str, Any]]:
    groups = alerts.rules(gateway, {})["spec"]["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    return [rule for group in groups for rule in group["rules"]]


def panels(gateway: Gateway) -> list[dict[str, Any]]:
    made = dashboard.dashboard(gateway, {})
    assert made["metadata"]["labels"] == {"grafana_dashboard": "1"}
    [text] = made["data"].values()
    found: list[dict[str, Any]] = json.loads(text)["panels"]
    return found


def expressions(gateway: Gateway) -> Iterator[str]:
    yield from (rule["expr"] for rule in rules(gateway))
    yield from (target["expr"] for panel in panels(gateway) for target in panel["targets"])


def test_every_expression_parses(encrypted: Gateway) -> None:
    found = list(expressions(encrypted))
    assert len(found) > 30
    for expression in found:
        promql_parser.parse(expression)


def test_expressions_ask_for_metrics_that_exist(encrypted: Gateway) -> None:
    recorded = {rule["record"] for rule in rules(encrypted) if "record" in rule}
    parsed = " ".join(str(promql_parser.parse(each)) for each in expressions(encrypted))
    asked = set(re.findall(r"([a-z_][\w:]*)\{", parsed))
    assert asked - METRICS <= recorded
    assert asked >= METRICS


def test_every_alert_says_what_is_wrong_and_how_much_it_hurries(encrypted: Gateway) -> None:
    for rule in rules(encrypted):
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert len(rule["annotations"]["summary"]) > 20


def test_the_objective_burns_at_both_windows(gateway: Gateway) -> None:
    burning = [rule["expr"] for rule in rules(gateway) if rule.get("alert") == "GatewayErrorBudgetBurns"]
    recorded = {rule["record"] for rule in rules(gateway) if "record" in rule}
    assert len(burning) == 3
    for expression in burning:
        windows = set(re.findall(rf"{alerts.ERRORS}\w+", expression))
        assert len(windows) == 2
        assert windows <= recorded


def test_the_platforms_budget_is_told_at_every_step(gateway: Gateway) -> None:
    told = {
        rule["labels"]["percent"]: (rule["expr"].partition(" >= ")[2], rule["labels"]["severity"])
        for rule in rules(gateway)
        if rule.get("alert") == "GatewayPlatformBudget"
    }
    assert told == {
        "80": ("16000", "warning"),
        "95": ("19000", "warning"),
        "100": ("20000", "critical"),
    }


def test_what_was_spent_is_tokens_by_price(gateway: Gateway) -> None:
    """Cached input is in the input, too: it counts the difference."""
    terms = queries.spent(gateway).split(" + ")
    prices = {
        tuple(re.findall(r'"([^"]+)"', term)): float(term.rpartition("* ")[2]) * 1_000_000 for term in terms
    }
    assert prices["large-1", "input"] == 2.5
    assert prices["large-1", "cached_input"] == -1.25
    assert prices["large-1", "output"] == 10
    assert ("qwen3-embedding", "output") not in prices


def test_every_provider_and_every_fallback_is_watched(gateway: Gateway) -> None:
    named = [
        rule["labels"]["provider"] for rule in rules(gateway) if rule.get("alert") == "GatewayProviderErrors"
    ]
    assert named == ["halls", "openrouter", "anthropic"]
    watched = [rule["labels"]["model"] for rule in rules(gateway) if rule.get("alert") == "GatewayFallback"]
    assert watched == ["large", "claude"]
    large = gateway.model("large")
    assert large
    assert 'gen_ai_original_model=~"gpt\\\\-5|large"' in queries.fallback_share(large)
    assert 'gen_ai_request_model!~"large\\\\-1"' in queries.fallback_share(large)


def test_panels_do_not_overlap(gateway: Gateway) -> None:
    found = panels(gateway)
    assert len({panel["id"] for panel in found}) == len(found) >= 10
    assert all(panel["targets"] and panel["title"] for panel in found)
    for one, other in combinations([panel["gridPos"] for panel in found], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart
        assert one["x"] + one["w"] <= 24


def test_monitors_find_the_pods_by_their_ports(gateway: Gateway) -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in monitors.monitors({})}
    [deployment] = [
        one for one in guard.guard(gateway, {}, "registry.example/guard") if one["kind"] == "Deployment"
    ]
    template = deployment["spec"]["template"]
    selected = found["guard"]["selector"]["matchLabels"]
    assert selected.items() <= template["metadata"]["labels"].items()
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert {each["port"] for each in found["guard"]["podMetricsEndpoints"]} <= ports
    assert found["ratelimit"]["namespaceSelector"]["matchNames"] == ["envoy-gateway-system"]
