"""What a call costs: the price table as one CEL expression in whole numbers.

Source: https://aigateway.envoyproxy.io/docs/capabilities/traffic/usage-based-ratelimiting/
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from components import naming
from components.gateway.values import home, session
from components.gateway.values.restricted import container_security, resources
from components.kubernetes import Manifest
from components.manifests import meta
from components.model import Gateway, Price, Provider

PER: Final = 1_000_000
"""Tokens that a price is for."""
COUNTED: Final = {
    "input_tokens": "InputToken",
    "cached_input_tokens": "CachedInputToken",
    "output_tokens": "OutputToken",
    "total_tokens": "TotalToken",
}
COST: Final = "cost"

_FRESH = "(input_tokens > cached_input_tokens ? input_tokens - cached_input_tokens : 0u)"
_CACHED = "(input_tokens > cached_input_tokens ? cached_input_tokens : input_tokens)"


def config(gateway: Gateway, labels: Mapping[str, str]) -> Manifest:
    """What the AI gateway counts of every call, and the means of its processor beside each proxy."""
    counted = [{"metadataKey": key, "type": kind} for key, kind in COUNTED.items()]
    cost = {"metadataKey": COST, "type": "CEL", "cel": expression(gateway)}
    processor = {
        "resources": resources(home.EXTPROC_CPU, home.EXTPROC_MEMORY),
        "securityContext": container_security(),
        "env": [session.variable()],
    }
    return {
        "apiVersion": f"{naming.AI_GATEWAY_API}/v1beta1",
        "kind": "GatewayConfig",
        "metadata": meta(naming.GATEWAY, labels, home.NAMESPACE),
        "spec": {"extProc": {"kubernetes": processor}, "globalLLMRequestCosts": [*counted, cost]},
    }


def expression(gateway: Gateway) -> str:
    """The cost of a call in units of `accounting.unit`, rounded up; a pair without a price costs the dearest.

    `backend` reads `<namespace of the route>/<provider>/route/...`, `model` is the provider's own name, and
    `input_tokens` holds the cached ones too, for every kind of API.
    """
    unit = Fraction(gateway.accounting.unit)
    priced = [provider for provider in gateway.providers if provider.lifecycle.state != "gone"]
    weights = {price: _weights(price, unit) for provider in priced for price in provider.prices}
    scale = math.lcm(*(part.denominator for each in weights.values() for part in each))
    dearest = _cost([max(column) for column in zip(*weights.values(), strict=True)], scale)
    chosen = dearest
    for provider in reversed(priced):
        chosen = f"{_is(provider)} ? ({_of(provider, weights, scale, dearest)}) : {chosen}"
    return chosen


def _weights(price: Price, unit: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """Units of cost for a token of fresh input, cached input and output."""
    cached = price.input if price.cached_input is None else price.cached_input
    fresh, held, made = (Fraction(amount) / PER / unit for amount in (price.input, cached, price.output))
    return fresh, held, made


def _is(provider: Provider) -> str:
    return f"backend.contains('/{provider.id}/route/')"


def _of(provider: Provider, weights: Mapping[Price, Iterable[Fraction]], scale: int, otherwise: str) -> str:
    chosen = otherwise
    for price in reversed(provider.prices):
        chosen = f"model == '{price.model}' ? {_cost(weights[price], scale)} : {chosen}"
    return chosen


def _cost(weights: Iterable[Fraction], scale: int) -> str:
    """The sum over kinds of tokens, divided by `scale` and rounded up."""
    amounts = [int(weight * scale) for weight in weights]
    terms = [
        f"{tokens} * {amount}u"
        for tokens, amount in zip((_FRESH, _CACHED, "output_tokens"), amounts, strict=True)
        if amount
    ]
    return f"({' + '.join([*terms, f'{scale - 1}u'])}) / {scale}u"
