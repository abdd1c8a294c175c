"""The twin's own configuration, as every block's test reads it."""

from __future__ import annotations

import pytest

from components.model.loading import EnvironmentModel, load_environment
from twin.settings import ROOT


@pytest.fixture(scope="session")
def model() -> EnvironmentModel:
    return load_environment(ROOT / "stacks" / "config", "twin")
