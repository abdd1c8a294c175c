"""A scope with something changed, by plain JSON paths."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.governance.values.scope import Scope
from components.model import Gateway, TenantGateway


def use_with(scope: Scope, changes: Mapping[str, Any]) -> Scope:
    """`scope` with other keys in what the tenant may use."""
    given = scope.use.model_dump(mode="json", by_alias=True, exclude_none=True) | changes
    return replace(scope, use=TenantGateway.model_validate(given))


def provider_with(scope: Scope, provider: str, changes: Mapping[str, Any]) -> Scope:
    """`scope` with other keys in one provider."""
    given = copy.deepcopy(scope.gateway.model_dump(mode="json", by_alias=True, exclude_none=True))
    [found] = [each for each in given["providers"] if each["id"] == provider]
    found.update(changes)
    return replace(scope, gateway=Gateway.model_validate(given))


def model_with(scope: Scope, model: str, changes: Mapping[str, Any]) -> Scope:
    """`scope` with other keys in one model."""
    given = copy.deepcopy(scope.gateway.model_dump(mode="json", by_alias=True, exclude_none=True))
    [found] = [each for each in given["models"] if each["id"] == model]
    found.update(changes)
    return replace(scope, gateway=Gateway.model_validate(given))
