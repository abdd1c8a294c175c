"""Tests on real machines run where `make test-nodes` asks for them; elsewhere they are skipped, visibly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.nodes import Lab
from tests.support.nodes.lab import needs


@pytest.fixture(scope="session")
def machines() -> None:
    """Skip without machines."""
    if reason := needs():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def lab(machines: None) -> Iterator[Lab]:
    with Lab() as running:
        yield running
