"""`bastide up`: real machines come after the foundation and before the platform, where there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli import lifecycle
from cli.console import Steps
from cli.engine import Outcome
from cli.environment import Target, open_environment
from cli.nodes.ansible import Ran
from cli.outcome import Exit
from tests.cli.providers import Site
from tests.support.fleet import fleet


class Stage:
    """What `up` does, in order; the engine, Ansible and the drills are played."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any]) -> None:
        self.done: list[str] = []
        self.outputs = outputs
        self.status = 0
        self.engine = Exit.OK
        self.log = site.config
        for key, value in site.env.items():
            monkeypatch.setenv(key, value)
        self.target = open_environment("site", site.config, dates=())
        monkeypatch.setattr(lifecycle, "operate", self._operate)
        monkeypatch.setattr(lifecycle, "drill", lambda *_, **__: self.done.append("drills") or [])
        monkeypatch.setattr(lifecycle.verbs, "converge", self._converge)

    def _operate(
        self, target: Target, steps: Steps, operation: str, stages: list[list[str]]
    ) -> list[Outcome]:
        names = [name for stage in stages for name in stage]
        self.done += names
        told = {"foundation": self.outputs}
        return [
            Outcome(stack=name, operation="up", outputs=told if "found" in name else {}, code=self.engine)
            for name in names
        ]

    def _converge(self, target: Target, steps: Steps, outputs: dict[str, Any], wanted: object) -> Ran:
        assert outputs == self.outputs
        self.done.append("nodes")
        return Ran(playbook="site", status=self.status, log=Path(self.log))

    def up(self, tenant: str | None = None, **more: bool) -> lifecycle.Report:
        return lifecycle.up(self.target, Steps(Console(quiet=True)), tenant, **more)


@pytest.fixture
def stage(site: Site, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(site, monkeypatch, fleet().dump())


def test_machines_come_between_foundation_and_platform(stage: Stage) -> None:
    assert stage.up().code is Exit.OK
    assert stage.done[:3] == ["site.foundation", "nodes", "site.platform"]
    assert stage.done[-1] == "drills"


def test_a_failed_machine_stops_what_would_need_it(stage: Stage) -> None:
    stage.status = 2
    report = stage.up()
    assert (report.code, stage.done) == (Exit.HOSTS, ["site.foundation", "nodes"])
    assert report.as_json()["nodes"]["exit"] == int(Exit.HOSTS)


def test_a_failed_foundation_leaves_machines_alone(stage: Stage) -> None:
    stage.engine = Exit.UPDATE
    assert stage.up().code is Exit.UPDATE
    assert stage.done == ["site.foundation"]


def test_they_are_left_alone_where_that_is_asked_or_only_a_tenant_is_meant(stage: Stage) -> None:
    assert stage.up(nodes=False).nodes is None
    assert stage.up("acme").nodes is None
    assert "nodes" not in stage.done


def test_without_real_machines_nothing_runs_on_any(stage: Stage) -> None:
    stage.outputs = {**stage.outputs, "hosts": []}
    assert stage.up().as_json()["nodes"] is None
    assert "nodes" not in stage.done
