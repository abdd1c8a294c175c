"""The environment that the real gateway runs in the tests: the twin's own configuration, in small."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from components import naming
from components.gateway.args import GatewayArgs
from components.gateway.component import AiGateway
from components.governance.args import GovernanceArgs
from components.governance.component import Governance
from components.kubernetes import Manifest
from components.model import Gateway
from components.model.document import read
from components.model.loading import EnvironmentModel, load_environment
from tests.support import registrations
from twin.settings import ROOT

ENVIRONMENT = "twin"
TENANTS = ("acme", "globex")
TIER = 100
"""Tokens in a day of the tier L1."""
_CONFIG = ROOT / "stacks" / "config"

Change = Callable[[dict[str, Any]], None]


def _platform(config: dict[str, Any]) -> None:
    """One proxy and one guard, tries of a second, a tier that a test can use up."""
    gateway = config["bastide:gateway"]
    gateway["replicas"] = 1
    gateway["guardrails"]["replicas"] = 1
    gateway["retry"] = {"trySeconds": 1}
    gateway["tiers"][0]["tokensPerDay"] = TIER


def _acme(config: dict[str, Any]) -> None:
    """A grant of the small tier, and a user with next to no budget."""
    config["bastide:tenant"]["departments"][1]["users"].append({"id": "max", "role": "developer"})
    use = config["bastide:gateway"]
    use["users"].append({"user": "max", "monthly": 0.02})
    office = next(each for each in use["grants"] if each["id"] == "office")
    use["grants"].append({**office, "id": "trial", "models": ["chat"], "tier": "L1"})
    desk = next(each for each in use["keys"] if each["id"] == "desk")
    use["keys"] += [
        {**desk, "id": "trial", "grant": "trial"},
        {**desk, "id": "trial-too", "grant": "trial", "user": "max"},
        {**desk, "id": "poor", "user": "max"},
    ]


CHANGES: dict[str, Change] = {"platform": _platform, "acme": _acme}


def model(folder: Path) -> EnvironmentModel:
    """The environment, written into `folder` and read as a whole."""
    for source in _CONFIG.glob(f"Pulumi.{ENVIRONMENT}.*.yaml"):
        page = read(source).data
        if change := CHANGES.get(source.name.split(".")[2]):
            change(page["config"])
        (folder / source.name).write_text(json.dumps(page, default=str), encoding="utf-8")
    return load_environment(folder, ENVIRONMENT)


def gateway_of(site: EnvironmentModel) -> Gateway:
    assert site.platform.gateway
    return site.platform.gateway


def platform(site: EnvironmentModel) -> list[Manifest]:
    """All that the gateway block registers, in its order."""
    settings = site.platform.platform
    args = GatewayArgs(
        environment=site.name,
        kind="twin",
        gateway=gateway_of(site),
        owner=settings.owner,
        cost_center=settings.cost_center,
        may_leave=tuple(each.id for each in site.platform.data_classes if each.off_premises),
        protect=False,
    )
    return list(_manifests(lambda: AiGateway("gateway", args)))


def tenant(site: EnvironmentModel, tenant_id: str) -> list[Manifest]:
    """All that the governance block registers for a tenant, in its order."""
    args = GovernanceArgs(
        environment=site.name,
        owner=site.platform.platform.owner,
        tenant=site.tenants[tenant_id],
        use=site.gateways[tenant_id],
        gateway=gateway_of(site),
        protect=False,
    )
    return list(_manifests(lambda: Governance("governance", args)))


def _manifests(build: Callable[[], object]) -> Iterator[Manifest]:
    recorded = registrations.record(build).resources
    made = [each.inputs for each in recorded if "apiVersion" in each.inputs]
    assert made, "the block registers nothing"
    yield from made


def host(site: EnvironmentModel, tenant_id: str, listener: str) -> str:
    """The host name of a tenant at a listener."""
    return naming.gateway_host(tenant_id, listener, gateway_of(site).domain)
