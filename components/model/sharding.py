"""Rules on Gateways: each serves so many tenants as the AI gateway can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from components.model.document import Path_
from components.model.draft import PLATFORM, Draft
from components.model.errors import ConfigProblem
from components.model.gateway import Gateway
from components.model.grants import TenantGateway

PLACES_MAX: Final = 4000
"""Places that the routes of one Gateway may name.

The AI gateway keeps them in one Secret of at most 1 MiB; a place takes about 200 bytes of it, with its key.
"""


def shards(draft: Draft) -> Iterator[ConfigProblem]:
    """A tenant's Gateway is there, and can hold the routes of all its tenants."""
    if draft.gateway is None:
        return
    held: Counter[int] = Counter()
    for layer, use in draft.gateways.items():
        if use.shard >= draft.gateway.shards:
            path: Path_ = ("gateway", "shard")
            rule = f"must be below the platform's `shards` ({draft.gateway.shards})"
            yield draft.problem(layer, path, use.shard, rule, "Choose another one, or raise `shards`.")
        held[use.shard] += places(draft.gateway, use)
    for shard, count in held.items():
        if count > PLACES_MAX:
            rule = f"must be more: the tenants of shard {shard} name {count} places, of at most {PLACES_MAX}"
            mend = "Raise it, and give some of these tenants another `shard`."
            yield draft.problem(PLATFORM, ("gateway", "shards"), draft.gateway.shards, rule, mend)


def places(gateway: Gateway, use: TenantGateway) -> int:
    """The places that a tenant's routes name, at both listeners."""
    models = {model for grant in use.grants for name in grant.models if (model := gateway.model(name))}
    named = sum(len(each.serving) for model in models for each in gateway.chain(model))
    return named * (bool(use.keys) + bool(use.workloads))


RULES = (shards,)
