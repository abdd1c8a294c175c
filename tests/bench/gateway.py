"""Figures of the AI gateway: what it takes to compile tenants to manifests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from components.governance import values
from components.governance.values.scope import Scope
from components.model import TenantGateway
from components.model.loading import load_environment
from tests.bench.measure import Figure
from tests.support.command import ROOT

if TYPE_CHECKING:
    from tests.bench.benches import Place

TENANTS, KEYS = 1000, 10
OBJECT_MAX = 900 * 1024


def compile_all(_place: Place) -> Figure:
    figure = Figure(
        name="gateway_compile",
        what=f"{TENANTS * KEYS} keys of {TENANTS} tenants compiled to manifests",
        peer_is="floor: the same manifests written as JSON",
        relation="seconds",
        aim=5.0,
    )
    made = [manifests(scope) for scope in crowd()]
    largest = max(len(json.dumps(each)) for tenant in made for each in tenant)
    figure.what += f", {sum(map(len, made))} objects, the largest {largest / 1024:.0f} KiB"
    if largest > OBJECT_MAX:
        raise SystemExit(f"an object of {largest} bytes is too large for the API server")
    return figure.take(
        lambda: _seconds(lambda: [manifests(scope) for scope in crowd()]),
        lambda: _seconds(lambda: [json.dumps(tenant) for tenant in made]),
    )


def compile_one(_place: Place) -> Figure:
    figure = Figure(
        name="gateway_change",
        what=f"one tenant of {TENANTS} compiled again after a change, {TENANTS} times over",
        peer_is=f"all {TENANTS} tenants compiled once",
        aim=1.2,
    )
    [first, *_] = crowd()
    return figure.take(
        lambda: _seconds(lambda: [manifests(first) for _ in range(TENANTS)]),
        lambda: _seconds(lambda: [manifests(scope) for scope in crowd()]),
    )


def manifests(scope: Scope) -> list[dict[str, Any]]:
    """All that a tenant has at the gateway."""
    return [
        values.home(scope, "platform@bastide.example"),
        *values.guards(scope),
        *values.credentials(scope),
        *values.policies(scope),
        *values.entrances(scope),
    ]


@cache
def crowd() -> tuple[Scope, ...]:
    """Tenants like the twin's `acme`, each with a few keys more."""
    return tuple(_crowd())


def _crowd() -> Iterator[Scope]:
    model = load_environment(ROOT / "stacks" / "config", "twin")
    tenant, use, gateway = model.tenants["acme"], model.gateways["acme"], model.platform.gateway
    if gateway is None:
        raise SystemExit("the twin has no gateway")
    key = use.keys[0]
    for index in range(TENANTS):
        keys = tuple(key.model_copy(update={"id": f"key-{number}"}) for number in range(KEYS))
        own: TenantGateway = use.model_copy(update={"keys": keys})
        yield values.scope_of("bench", tenant.model_copy(update={"id": f"t{index}"}), own, gateway)


def _seconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


ALL = [compile_all, compile_one]
