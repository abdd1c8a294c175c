"""The twin's tenant `acme` at the twin's gateway."""

from __future__ import annotations

import pytest

from components.governance import values
from components.governance.values.scope import Scope
from components.model.loading import EnvironmentModel


@pytest.fixture(scope="session")
def scope(model: EnvironmentModel) -> Scope:
    assert model.platform.gateway
    return values.scope_of("twin", model.tenants["acme"], model.gateways["acme"], model.platform.gateway)
