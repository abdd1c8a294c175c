"""Chart values, against the values that the charts know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.gateway.values import charts
from components.upstream import catalog
from twin.settings import ROOT

VALUES = ROOT.parent / "shared" / "upstream" / "values"
FILES = {"envoy-gateway": "gateway-helm", "envoy-ai-gateway": "ai-gateway-helm", "valkey": "valkey"}
OPEN = {"config.envoyGateway", "crds"}
"""Parts that the chart hands on or to another chart, so that its own file does not list them."""


def known(name: str) -> dict[str, Any]:
    path: Path = VALUES / f"{FILES[name]}.yaml"
    if not path.is_file():
        pytest.skip(f"no upstream values at {path}")
    text = path.read_text().replace("${GatewayImage}", "a").replace("${GatewayImagePullPolicy}", "b")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def strangers(given: Mapping[str, Any], known: Any, path: str = "") -> Iterator[str]:
    """Keys that the chart does not know; below an empty mapping of the chart everything is."""
    for key, value in given.items():
        here = f"{path}.{key}".lstrip(".")
        if key not in known:
            yield here
        elif isinstance(value, Mapping) and known[key] and here not in OPEN:
            yield from strangers(value, known[key], here)


@pytest.mark.parametrize("name", sorted(FILES))
def test_charts_know_what_they_are_told(name: str) -> None:
    given = charts.charts()[name]
    found = list(strangers(given, known(name)))
    allowed = {"deployment.replicas"} if name == "envoy-gateway" else set()
    allowed |= {f"controller.resources.{key}" for key in ("limits", "requests")}
    security = ("readOnlyRootFilesystem", "fsGroup")
    assert set(found) - allowed <= {
        f"controller.{part}.{key}" for part in ("securityContext", "podSecurityContext") for key in security
    }


def test_every_chart_is_in_the_catalogue() -> None:
    assert set(charts.charts()) <= set(catalog.entries("charts"))


def test_proxies_run_beside_their_gateway_and_uncounted_calls_are_refused() -> None:
    config = charts.envoy_gateway()["config"]["envoyGateway"]
    assert config["provider"]["kubernetes"]["deploy"] == {"type": "GatewayNamespace"}
    assert config["rateLimit"]["failClosed"] is True
    assert config["extensionManager"]["failOpen"] is False
    assert config["extensionApis"] == {"enableBackend": True}, "no patches of Envoy's configuration"
    assert config["rateLimit"]["backend"]["redis"]["url"].startswith("valkey.envoy-gateway-system.")
