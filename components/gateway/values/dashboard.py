"""The gateway's dashboard, as Grafana's sidecar finds it: a ConfigMap with one JSON document.

Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from components.gateway.values import home, queries
from components.gateway.values.alerts import ERRORS, OBJECTIVE
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Gateway

FOUND_BY: Final = {"grafana_dashboard": "1"}
COLUMNS: Final = 3
WIDTH: Final = 24 // COLUMNS
HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(gateway: Gateway, labels: Mapping[str, str]) -> Manifest:
    """The ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta("dashboard", {**labels, **FOUND_BY}, home.NAMESPACE),
        "data": {"gateway.json": json.dumps(document(gateway), indent=1)},
    }


def document(gateway: Gateway) -> dict[str, Any]:
    """The dashboard: panels side by side, in reading order."""
    choice = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    return {
        "uid": "bastide-gateway",
        "title": "AI gateway",
        "tags": ["bastide"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [choice]},
        "panels": [_panel(index, *each) for index, each in enumerate(_questions(gateway))],
    }


def _questions(gateway: Gateway) -> list[tuple[str, str, dict[str, str]]]:
    """Title, unit, and query by legend of each panel."""
    answered = f'sum by (gen_ai_original_model) (rate({queries.CALLS}{{error_type=""}}[5m]))'
    return [
        ("Calls a second by status", "reqps", {"{{envoy_response_code_class}}xx": queries.classes()}),
        (
            "Errors of the server over an hour",
            "percentunit",
            {"errors": f"{ERRORS}1h", "allowed": _allowed()},
        ),
        ("Duration of calls", "ms", {f"p{n}": queries.duration(f"0.{n}") for n in ("50", "95", "99")}),
        ("Calls a second by model", "reqps", {"{{gen_ai_original_model}}": answered}),
        ("Tokens a second by kind", "short", {"{{gen_ai_token_type}}": queries.tokens("gen_ai_token_type")}),
        (
            "Tokens a second by provider's model",
            "short",
            {"{{gen_ai_request_model}}": queries.tokens("gen_ai_request_model")},
        ),
        (
            "Share of calls that a fallback answers",
            "percentunit",
            {each.id: queries.fallback_share(each) for each in gateway.models if each.fallback},
        ),
        ("First token, 95 of 100", "s", {"{{gen_ai_request_model}}": queries.first_token("0.95")}),
        ("Past a step of a budget", "short", {"{{tenant}} {{key1}}": queries.limited("shadow_mode")}),
        ("Over a limit", "short", {"{{tenant}} {{key1}}": queries.limited("over_limit")}),
        ("Guard: calls a second by verdict", "reqps", {"{{verdict}}": queries.guarded("verdict", "calls")}),
        (
            "Guard: masked values a second",
            "short",
            {"{{entity}}": queries.guarded("entity", "masked_values")},
        ),
        ("Failures of the guard and the processor", "short", {"failures": queries.filter_failures()}),
    ]


def _allowed() -> str:
    return f"vector(1 - {OBJECTIVE})"


def _panel(index: int, title: str, unit: str, asked: Mapping[str, str]) -> dict[str, Any]:
    place = {"x": index % COLUMNS * WIDTH, "y": index // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT}
    targets = [
        {"refId": f"Q{number}", "datasource": _SOURCE, "expr": query, "legendFormat": legend}
        for number, (legend, query) in enumerate(asked.items())
    ]
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": targets,
    }
