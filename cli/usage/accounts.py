"""Whom a call belongs to, and what it costs: the configuration as two tables to look things up in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final

from components import naming
from components.gateway.values.cost import PER
from components.gateway.values.proxy import LISTENERS
from components.governance.values.scope import Scope
from components.model import Gateway, Tenant, TenantGateway
from components.model.loading import EnvironmentModel

UNKNOWN: Final = "(unknown)"
NONE: Final = "-"
FINE: Final = 10**12
"""Parts of the currency in which cost is added up: prices have 6 decimals, for a million tokens."""
_EXACT = Context(prec=100)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who made a call. `known` tells a declared client from one that only the record names."""

    tenant: str
    department: str = NONE
    user: str = NONE
    key: str = NONE
    cost_center: str = UNKNOWN
    tags: Mapping[str, str] = field(default_factory=dict)
    known: bool = True


@dataclass(frozen=True)
class Rate:
    """What a million tokens cost, in millionths of the currency."""

    fresh: int
    cached: int
    output: int

    def cost(self, fresh: int, cached: int, output: int) -> int:
        """The cost of so many tokens, exactly, in `FINE` parts of the currency."""
        return fresh * self.fresh + cached * self.cached + output * self.output


def money(fine: int) -> Decimal:
    """An amount of the currency, exactly."""
    return Decimal(fine).scaleb(-12, _EXACT)


class Book:
    """An environment's tenants, clients and prices."""

    def __init__(self, model: EnvironmentModel, gateway: Gateway) -> None:
        self.gateway = gateway
        self.tenants = {name: tenant for name, tenant in model.tenants.items() if name in model.gateways}
        self.uses = model.gateways
        self.hosts = {
            naming.gateway_host(name, listener, gateway.domain): name
            for name in self.tenants
            for listener in LISTENERS
        }
        self.namespaces = {tenant.gateway_namespace: name for name, tenant in self.tenants.items()}
        self.unit = int(gateway.accounting.unit * FINE)
        self.rates = {
            (provider.id, price.model): Rate(
                _millionths(price.input),
                _millionths(price.input if price.cached_input is None else price.cached_input),
                _millionths(price.output),
            )
            for provider in gateway.providers
            for price in provider.prices
        }
        self.models = {name for each in gateway.models for name in each.names}
        self._clients = {
            (name, client): account
            for name, tenant in self.tenants.items()
            for client, account in _clients(tenant, model.gateways[name], gateway)
        }

    def tenant(self, host: str, route: str) -> str:
        """Whose host name it is, else whose route was taken; `UNKNOWN` where nobody's."""
        if found := self.hosts.get(host) or self.hosts.get(host.partition(":")[0].lower()):
            return found
        namespace = route.split("/")[1] if "/" in route else ""
        return self.namespaces.get(namespace, UNKNOWN)

    def declared(self, tenant: str, client: str) -> bool:
        """Whether the client is one of the tenant's keys and workloads."""
        return (tenant, client) in self._clients

    def account(self, tenant: str, client: str) -> Account:
        """Who a client is; one that is not declared any more belongs to the department that it names."""
        if found := self._clients.get((tenant, client)):
            return found
        held = self.tenants.get(tenant)
        if held is None:
            return Account(tenant=tenant, key=client or NONE, known=False)
        parts = client.split(".")
        named = parts[1] if len(parts) == 4 else NONE
        department = named if any(each.id == named for each in held.departments) else NONE
        return Account(
            tenant=tenant,
            department=department,
            key=client or NONE,
            cost_center=cost_center(held, department),
            known=False,
        )


def cost_center(tenant: Tenant, department: str) -> str:
    """Where a department's cost is booked; what is nobody's is the tenant's."""
    held = {each.id: each.cost_center for each in tenant.departments}
    return held.get(department, tenant.cost_center)


def _millionths(amount: Decimal) -> int:
    return int(amount * PER)


def _clients(tenant: Tenant, use: TenantGateway, gateway: Gateway) -> list[tuple[str, Account]]:
    """The tenant's clients by the ids under which the gateway knows them."""
    scope = Scope(tenant=tenant.id, use=use, gateway=gateway, namespace=tenant.gateway_namespace, labels={})
    keys = [
        (
            scope.key(key),
            Account(
                tenant=tenant.id,
                department=(department := scope.grant(key.grant).department or NONE),
                user=key.user,
                key=key.id,
                cost_center=cost_center(tenant, department),
                tags=key.tags,
            ),
        )
        for key in use.keys
    ]
    workloads = [
        (
            scope.workload(each),
            Account(
                tenant=tenant.id,
                department=(department := each.department or NONE),
                key=scope.workload(each),
                cost_center=cost_center(tenant, department),
                tags=each.tags,
            ),
        )
        for each in use.workloads
    ]
    return [*keys, *workloads]
