"""Rules on the gateway's providers, tool servers, tiers and guardrails."""

from __future__ import annotations

from collections.abc import Iterator

from components.model.checks import repeated, unknown
from components.model.document import Path_
from components.model.draft import PLATFORM, Draft
from components.model.errors import MISSING, ConfigProblem
from components.model.gateway import Gateway

_SERVERS = (("providers", "providers"), ("toolServers", "tool_servers"))


def gateway_ids(draft: Draft) -> Iterator[ConfigProblem]:
    """Ids of providers, tiers and tool servers are unique, as are kinds of agents and a provider's prices."""
    gateway = draft.gateway
    if gateway is None:
        return
    for alias, key, what, ids in (
        ("providers", "id", "provider", [each.id for each in gateway.providers]),
        ("tiers", "id", "tier", [each.id for each in gateway.tiers]),
        ("toolServers", "id", "tool server", [each.id for each in gateway.tool_servers]),
        ("demand", "agent", "kind of agent", [each.agent for each in gateway.demand]),
    ):
        named = ((("gateway", alias, i, key), each) for i, each in enumerate(ids))
        yield from repeated(draft, PLATFORM, what, named)
    for i, provider in enumerate(gateway.providers):
        prices = (
            (("gateway", "providers", i, "prices", j, "model"), each.model)
            for j, each in enumerate(provider.prices)
        )
        yield from repeated(draft, PLATFORM, "price of the provider", prices)
    for i, server in enumerate(gateway.tool_servers):
        tools = ((("gateway", "toolServers", i, "tools", j), tool) for j, tool in enumerate(server.tools))
        yield from repeated(draft, PLATFORM, "tool of the server", tools)


def gateway_data_classes(draft: Draft) -> Iterator[ConfigProblem]:
    """Data classes that the gateway's settings name are declared."""
    if draft.platform is None or draft.gateway is None:
        return
    known = [each.id for each in draft.platform.data_classes]
    yield from unknown(draft, PLATFORM, _classes(draft.gateway), "a data class of the platform", known)


def _classes(gateway: Gateway) -> Iterator[tuple[Path_, str]]:
    for alias, key in (*_SERVERS, ("tiers", "tiers")):
        for i, holder in enumerate(getattr(gateway, key)):
            for j, name in enumerate(holder.data_classes):
                yield ("gateway", alias, i, "dataClasses", j), name
    for j, name in enumerate(gateway.guardrails.log_prompts):
        yield ("gateway", "guardrails", "logPrompts", j), name


def leaving(draft: Draft) -> Iterator[ConfigProblem]:
    """Only data classes with `offPremises: true` go to a provider or tool server off the premises."""
    if draft.platform is None or draft.gateway is None:
        return
    kept = {each.id for each in draft.platform.data_classes} - draft.platform.leaving
    for alias, key in _SERVERS:
        for i, server in enumerate(getattr(draft.gateway, key)):
            for j, name in enumerate(() if server.on_premises else server.data_classes):
                if name in kept:
                    rule = "must not leave the premises: the data class has `offPremises: false`"
                    path: Path_ = ("gateway", alias, i, "dataClasses", j)
                    yield draft.problem(PLATFORM, path, name, rule, f"Take it out of `{server.id}`.")


def endpoints(draft: Draft) -> Iterator[ConfigProblem]:
    """What leaves the premises is encrypted."""
    for alias, key in _SERVERS:
        for i, server in enumerate(getattr(draft.gateway, key) if draft.gateway else ()):
            if not server.on_premises and not server.endpoint.tls:
                rule = "must be true for an endpoint off the premises"
                path: Path_ = ("gateway", alias, i, "endpoint", "tls")
                yield draft.problem(PLATFORM, path, server.endpoint.tls, rule, "Remove it, or write `true`.")


def kinds(draft: Draft) -> Iterator[ConfigProblem]:
    """Somebody else's service is not on the premises."""
    for i, provider in enumerate(draft.gateway.providers if draft.gateway else ()):
        if provider.kind == "cloud-service" and provider.on_premises:
            rule = "must be false for a provider of kind `cloud-service`"
            mend = "Write `false`; if it is our own server, write `kind: model-server`."
            yield draft.problem(PLATFORM, ("gateway", "providers", i, "onPremises"), True, rule, mend)


def lifecycles(draft: Draft) -> Iterator[ConfigProblem]:
    """A provider's state was reached on some day until today."""
    for i, provider in enumerate(draft.gateway.providers if draft.gateway else ()):
        since = provider.lifecycle.since
        if since > draft.today:
            rule = f"must not be in the future: today is {draft.today}"
            mend = "Write the day on which the state was reached."
            path: Path_ = ("gateway", "providers", i, "lifecycle", "since")
            yield draft.problem(PLATFORM, path, since, rule, mend)


def certificates(draft: Draft) -> Iterator[ConfigProblem]:
    """Where people rely on an environment, its gateway speaks TLS."""
    if draft.foundation is None or draft.gateway is None:
        return
    kind = draft.foundation.environment.kind
    if kind != "twin" and draft.gateway.certificate_issuer is None:
        rule = f"must be given in an environment of kind `{kind}`"
        mend = "Add `certificateIssuer` with the name of a ClusterIssuer."
        yield draft.problem(PLATFORM, ("gateway", "certificateIssuer"), MISSING, rule, mend)


def open_tiers(draft: Draft) -> Iterator[ConfigProblem]:
    """A tier without a limit of its own is approved by somebody."""
    for i, tier in enumerate(draft.gateway.tiers if draft.gateway else ()):
        if tier.tokens_per_day is None and tier.approvals == 0:
            rule = "must be at least 1 for a tier without `tokensPerDay`"
            mend = "Write `approvals: 2`, or give the tier its `tokensPerDay`."
            yield draft.problem(PLATFORM, ("gateway", "tiers", i, "approvals"), 0, rule, mend)


RULES = (
    gateway_ids,
    gateway_data_classes,
    leaving,
    endpoints,
    kinds,
    lifecycles,
    certificates,
    open_tiers,
)
