"""The rules over all files of an environment: each a pure function from a draft to problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from components.model import (
    approvals,
    budgets,
    callers,
    capacity,
    clouds,
    granting,
    identity,
    images,
    machines,
    providers,
    references,
    routing,
    sharding,
    sites,
)
from components.model.draft import Draft
from components.model.errors import ConfigProblem

RULES: Final[tuple[Callable[[Draft], Iterator[ConfigProblem]], ...]] = (
    *identity.RULES,
    *references.RULES,
    *capacity.RULES,
    *machines.RULES,
    *sites.RULES,
    *clouds.RULES,
    *images.RULES,
    *providers.RULES,
    *routing.RULES,
    *budgets.RULES,
    *granting.RULES,
    *approvals.RULES,
    *callers.RULES,
    *sharding.RULES,
)
