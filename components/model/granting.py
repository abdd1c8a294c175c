"""Rules on grants: what a tenant may use is there, fits its tier, and may be sent where it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.model.checks import repeated, unknown
from components.model.document import Path_
from components.model.draft import Draft
from components.model.errors import MISSING, ConfigProblem
from components.model.gateway import Gateway, Tier
from components.model.grants import Grant, TenantGateway
from components.model.platform import Platform
from components.model.routing import misnamed
from components.model.tenant import Tenant

LIMITS_MAX: Final = 256
"""Rules of one rate limit policy: `spec.rateLimit.global.rules` of Envoy Gateway's BackendTrafficPolicy."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """A tenant's use of the gateway, beside what the platform offers."""

    layer: str
    tenant: Tenant
    given: TenantGateway
    platform: Platform
    gateway: Gateway

    def grants(self) -> Iterator[tuple[Path_, Grant]]:
        """The grants, with their paths."""
        return ((("gateway", "grants", i), grant) for i, grant in enumerate(self.given.grants))


def uses(draft: Draft) -> Iterator[Use]:
    """The use of every tenant, where the platform has a gateway."""
    if draft.platform is None or draft.gateway is None:
        return
    for layer, given in draft.gateways.items():
        yield Use(
            layer=layer,
            tenant=draft.tenants[layer],
            given=given,
            platform=draft.platform,
            gateway=draft.gateway,
        )


def gateway_is_there(draft: Draft) -> Iterator[ConfigProblem]:
    """A tenant uses the gateway only where the platform has one."""
    for layer, given in draft.gateways.items() if draft.platform and not draft.gateway else ():
        mend = f"Add `bastide:gateway` to `Pulumi.{draft.name}.platform.yaml`, or remove it here."
        value = f"a budget of {given.monthly}"
        yield draft.problem(layer, ("gateway",), value, "must come with a gateway of the platform", mend)


def gateway_namespaces(draft: Draft) -> Iterator[ConfigProblem]:
    """No namespace is named like the one that holds a tenant's routes and keys."""
    taken = {draft.tenants[layer].gateway_namespace for layer in draft.gateways}
    for layer, tenant in draft.tenants.items():
        for i, each in enumerate(tenant.namespaces):
            if (name := tenant.namespace_name(each)) in taken:
                rule = f"must not give the name `{name}`: the gateway keeps routes and keys there"
                path: Path_ = ("tenant", "namespaces", i, "purpose")
                yield draft.problem(layer, path, each.purpose, rule, "Choose another purpose.")


def grant_references(draft: Draft) -> Iterator[ConfigProblem]:
    """A grant's id is unique; its department, models, data class, tier and kind of agent are declared."""
    for use in uses(draft):
        grants = list(use.grants())
        yield from repeated(draft, use.layer, "grant", (((*at, "id"), each.id) for at, each in grants))
        departments = (((*at, "department"), each.department) for at, each in grants)
        known = [each.id for each in use.tenant.departments]
        yield from unknown(draft, use.layer, departments, "the id of one of its departments", known)
        classes = (((*at, "dataClass"), each.data_class) for at, each in grants)
        what = "one of the tenant's `dataClasses`"
        yield from unknown(draft, use.layer, classes, what, use.tenant.data_classes)
        tiers = (((*at, "tier"), each.tier) for at, each in grants)
        yield from unknown(
            draft, use.layer, tiers, "the id of a tier", (each.id for each in use.gateway.tiers)
        )
        agents = (((*at, "agent"), each.agent) for at, each in grants)
        what = "a kind of agent in the platform's `demand`"
        yield from unknown(draft, use.layer, agents, what, (each.agent for each in use.gateway.demand))
        for at, grant in grants:
            models: list[tuple[Path_, str]] = [
                ((*at, "models", j), name) for j, name in enumerate(grant.models)
            ]
            yield from misnamed(draft, use.layer, models, use.gateway)
            yield from repeated(draft, use.layer, "model of the grant", models)


def grant_data(draft: Draft) -> Iterator[ConfigProblem]:
    """A grant's data class may be granted at its tier, and sent to all that may answer for its models."""
    gateway = draft.gateway
    allowed = {each.id: gateway.allowed(each) for each in gateway.models} if gateway else {}
    for use in uses(draft):
        for at, grant in use.grants():
            if grant.data_class not in use.tenant.data_classes:
                continue  # and that is reported
            tier = use.gateway.tier(grant.tier)
            if tier and grant.data_class not in tier.data_classes:
                rule = f"must be one of the data classes of tier `{tier.id}`: {', '.join(tier.data_classes)}"
                fit = [each.id for each in use.gateway.tiers if grant.data_class in each.data_classes]
                mend = f"Choose one of them, or tier {' or '.join(fit)}." if fit else "Choose one of them."
                yield draft.problem(use.layer, (*at, "dataClass"), grant.data_class, rule, mend)
            for j, name in enumerate(grant.models):
                if grant.data_class not in allowed.get(name, (grant.data_class,)):
                    yield _forbidden(draft, use, (*at, "models", j), grant, name)


def _forbidden(draft: Draft, use: Use, path: Path_, grant: Grant, name: str) -> ConfigProblem:
    model = use.gateway.model(name)
    backends = use.gateway.backends(model) if model else ()
    where = ", ".join(f"`{each.id}`" for each in backends if grant.data_class not in each.data_classes)
    rule = f"must not get data of class `{grant.data_class}`: with its fallbacks it goes to {where}"
    return draft.problem(use.layer, path, name, rule, "Take it out of the grant, or grant a lower class.")


def grant_tokens(draft: Draft) -> Iterator[ConfigProblem]:
    """A grant says its tokens where its tier leaves them open, and they meet its agents' demand."""
    for use in uses(draft):
        for at, grant in use.grants():
            tier = use.gateway.tier(grant.tier)
            if tier is None:
                continue
            path: Path_ = (*at, "tokensPerDay")
            if tier.tokens_per_day is None and grant.tokens_per_day is None:
                rule = f"must be given: tier `{tier.id}` leaves it open"
                mend = "Add `tokensPerDay`, or choose a tier that has its own."
                yield draft.problem(use.layer, path, MISSING, rule, mend)
            elif tier.tokens_per_day is not None and grant.tokens_per_day is not None:
                rule = f"must not be given: tier `{tier.id}` has {tier.tokens_per_day}"
                yield draft.problem(use.layer, path, grant.tokens_per_day, rule, "Remove it.")
            else:
                yield from _starved(draft, use, at, grant, tier)


def _starved(draft: Draft, use: Use, at: Path_, grant: Grant, tier: Tier) -> Iterator[ConfigProblem]:
    cap = tier.tokens_per_day or grant.tokens_per_day or 0
    demand = use.gateway.needs(grant.agent)
    if cap >= demand:
        return
    rule = f"must be at least {demand} tokens a day, the demand of `{grant.agent}` agents"
    if tier.tokens_per_day is None:
        yield draft.problem(use.layer, (*at, "tokensPerDay"), cap, rule, f"Write {demand} or more.")
        return
    fit = [each.id for each in use.gateway.tiers if (each.tokens_per_day or demand) >= demand]
    mend = f"Choose tier {' or '.join(fit)}." if fit else "Ask the platform's owner for a higher tier."
    yield draft.problem(use.layer, (*at, "tier"), f"{tier.id} ({cap} tokens a day)", rule, mend)


def grant_ends(draft: Draft) -> Iterator[ConfigProblem]:
    """A grant is not over."""
    for use in uses(draft):
        for at, grant in use.grants():
            if grant.expires < draft.today:
                mend = "Have it approved again and write a later day, or remove the grant."
                yield draft.lapsed(use.layer, (*at, "expires"), grant.expires, mend)


def limits(draft: Draft) -> Iterator[ConfigProblem]:
    """A tenant's budgets, grants and caps fit in one rate limit policy."""
    for use in uses(draft):
        count = use.given.limits(len(use.gateway.accounting.steps))
        if count > LIMITS_MAX:
            rule = f"must need at most {LIMITS_MAX} limits for its budgets, grants and caps"
            one = len(use.gateway.accounting.steps) + 1
            mend = (
                f"A budget takes {one}: give fewer `users` their own, or remove transfers of months gone by."
            )
            yield draft.problem(use.layer, ("gateway",), f"{count} limits", rule, mend)


RULES = (
    gateway_is_there,
    gateway_namespaces,
    grant_references,
    grant_data,
    grant_tokens,
    grant_ends,
    limits,
)
