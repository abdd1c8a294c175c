"""A whole environment in a folder of its own: raised once, taken down at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.cluster import Cluster
from tests.support.command import Done, bastide, exports, run
from tests.support.processes import running


@dataclass(frozen=True)
class Environment:
    """The environment `twin` in a home of its own. `report` is what its first `up` said."""

    variables: dict[str, str]
    report: dict[str, Any]

    def bastide(self, *args: str) -> Done:
        return bastide(*args, env=self.variables)

    def exports(self) -> dict[str, str]:
        """The variables that `bastide env` prints."""
        return exports(self.variables)

    def plain(self, *command: str) -> Done:
        """A plain command, as after `eval "$(bastide env twin)"`."""
        exports = self.exports()
        program = shutil.which(command[0], path=exports["PATH"])
        assert program, f"{command[0]} is not on the PATH that `bastide env` prints"
        return run(program, *command[1:], env={**self.variables, **exports})

    def cluster(self) -> Cluster:
        return Cluster(Path(self.exports()["KUBECONFIG"]))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    variables = {"BASTIDE_HOME": str(tmp_path_factory.mktemp("home")), "BASTIDE_PORT": "0"}
    try:
        done = bastide("up", "twin", "--json", env=variables, timeout=1200)
        assert done.code == 0, done.text
        yield Environment(variables, done.json)
    finally:
        assert bastide("twin", "twin", "reset", env=variables).code == 0
        assert not running(variables["BASTIDE_HOME"]), "processes are left behind"
