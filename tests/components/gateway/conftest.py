"""The gateway of the twin's own configuration, and the same with certificates."""

from __future__ import annotations

import pytest

from components.model import Gateway
from components.model.loading import EnvironmentModel


@pytest.fixture(scope="session")
def gateway(model: EnvironmentModel) -> Gateway:
    assert model.platform.gateway
    return model.platform.gateway


@pytest.fixture(scope="session")
def encrypted(gateway: Gateway) -> Gateway:
    return gateway.model_copy(update={"certificate_issuer": "corporate"})
