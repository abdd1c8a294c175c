"""Which tests share a worker: those of `tests/e2e` share one environment; others go anywhere."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TOGETHER = "tests/e2e/"


class Schedule(LoadScopeScheduling):
    """A test is its own scope, except those that share an environment; the largest scope goes first."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Schedule:
    return Schedule(config, log)
