"""The platform's side of the AI gateway as manifests, in the order in which they must come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components.gateway.values import (
    alerts,
    cost,
    dashboard,
    guard,
    home,
    monitors,
    network,
    providers,
    proxy,
    session,
    traffic,
)
from components.kubernetes import Manifest
from components.model import Gateway, GatewayOutputs
from components.upstream.catalog import own_image

NAMESPACE = home.NAMESPACE


def fences(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """What bounds and closes the namespace, and the ways through it."""
    return [*home.guards(gateway, labels), *network.policies(gateway, labels)]


def upstreams(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """The providers that are admitted or leaving."""
    return [
        manifest
        for wanted in providers.kept(gateway)
        for manifest in providers.provider(gateway, wanted, labels)
    ]


def settings(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """What the Gateway refers to: how its proxies run, what they count, sessions, certificates."""
    return [
        *session.seed(labels),
        proxy.envoy_proxy(gateway, labels),
        cost.config(gateway, labels),
        *proxy.certificates(gateway, labels),
    ]


def rules_of_entry(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """What holds for every call, and the class: all before the Gateway, so that none passes without."""
    return [proxy.gateway_class(labels), *traffic.policies(gateway, labels)]


def entrance(
    gateway: Gateway, labels: Mapping[str, str], kind: str, may_leave: Iterable[str]
) -> list[Manifest]:
    """The Gateways themselves: they come last."""
    return proxy.gateways(gateway, labels, kind, may_leave)


def watch(gateway: Gateway, labels: Mapping[str, str]) -> list[Manifest]:
    """Metrics, alerts and the dashboard."""
    return [
        *monitors.monitors(labels),
        alerts.rules(gateway, labels),
        dashboard.dashboard(gateway, labels),
    ]


def prompt_guard(gateway: Gateway, labels: Mapping[str, str], registry: str | None = None) -> list[Manifest]:
    """The guard: where it does not run, nothing passes.

    Where the gateway names no image it is ours, from `registry`; the model's rules ask for one of the two.
    """
    image = gateway.guardrails.image or own_image(guard.NAME, registry or "")
    return guard.guard(gateway, labels, image)


def outputs(gateway: Gateway) -> GatewayOutputs:
    """What tenants may name."""
    return GatewayOutputs(
        domain=gateway.domain,
        namespace=NAMESPACE,
        providers=tuple(each.id for each in gateway.providers if each.serves),
        models=tuple(each.id for each in gateway.models),
        tiers=tuple(each.id for each in gateway.tiers),
        tool_servers=tuple(each.id for each in gateway.tool_servers),
    )
