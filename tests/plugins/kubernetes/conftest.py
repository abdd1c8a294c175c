"""The provider through the real engine, on the run's control plane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engine import Engine
from tests.support.objects import Workspace, make_workspace
from tests.support.plane import Plane


@pytest.fixture
def workspace(engine: Engine, plane: Plane, namespace: str) -> Iterator[Workspace]:
    """A project in a namespace of its own."""
    with plane.cluster() as cluster:
        yield make_workspace(engine, plane.kubeconfig, cluster, namespace)
