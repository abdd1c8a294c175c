"""One real control plane for a test run, shared by all workers.

The first worker that asks starts it; the controlling process stops it at the end of the run. A guard
process waits for the end of the controlling process, so that nothing stays behind after a crash either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from components.cluster import ApiError, Cluster
from twin.controlplane.lifecycle import reset_plane, start_plane
from twin.settings import ROOT, TwinSettings
from twin.toolchain.model import Toolchain
from twin.toolchain.resolve import find_tools
from twin.toolchain.tools import TOOLS

NAME = "tests"
_FOLDER = "bastide_plane_folder"
_CONTROLLER = "bastide_controller"
_shared: dict[str, str | int] = {}


@dataclass(frozen=True)
class Plane:
    """A running control plane."""

    settings: TwinSettings
    toolchain: Toolchain

    @property
    def kubeconfig(self) -> Path:
        return self.settings.kubeconfig

    @property
    def context(self) -> str:
        return self.settings.context

    def cluster(self) -> Cluster:
        """A client as the operator; close it or use it as a context manager."""
        return Cluster(self.kubeconfig, self.context)


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        _shared.update({key: worker[key] for key in (_FOLDER, _CONTROLLER)})
    else:
        _shared.update({_FOLDER: tempfile.mkdtemp(prefix="bastide-tests-"), _CONTROLLER: os.getpid()})


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput.update(_shared)  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or _FOLDER not in _shared:
        return
    folder = Path(str(_shared.pop(_FOLDER)))
    if (folder / "guarded").exists():
        subprocess.run(_guard(folder), cwd=ROOT, check=True)
    shutil.rmtree(folder, ignore_errors=True)


def guard(settings: TwinSettings) -> None:
    """See to it that the plane of `settings` is stopped and its home deleted when the test run ends."""
    folder = Path(str(_shared[_FOLDER]))
    with FileLock(folder / "guard.lock"):
        with (folder / "homes").open("a") as homes:
            homes.write(f"{settings.name}\t{settings.home}\n")
        if (folder / "guarded").exists():
            return
        subprocess.Popen(
            [*_guard(folder), str(_shared[_CONTROLLER])],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (folder / "guarded").touch()


def _guard(folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.support.guard", str(folder)]


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The tools of this machine: a test run neither fetches nor builds them."""
    settings = TwinSettings.of(NAME)
    found = find_tools(settings)
    missing = [tool.name for tool in TOOLS if tool.name not in found]
    if missing:
        pytest.fail(f"no {', '.join(missing)} on this machine: `make up` gets them, or set BASTIDE_TOOLS")
    return Toolchain(found)


@pytest.fixture(scope="session")
def plane(toolchain: Toolchain) -> Plane:
    """The control plane of the run; started by whoever asks first. Nothing of ours is installed on it."""
    return shared_plane(toolchain, NAME)


def shared_plane(toolchain: Toolchain, name: str, prepare: Callable[[Plane], None] | None = None) -> Plane:
    """A control plane for all workers; who asks first starts it and prepares it."""
    folder = Path(str(_shared[_FOLDER]))
    settings = TwinSettings(name=name, home=folder / name, cache=TwinSettings.of(NAME).cache)
    made = Plane(settings, toolchain)
    with FileLock(folder / f"{name}.lock"):
        if not (folder / f"{name}.started").exists():
            guard(settings)
            start_plane(settings, toolchain.programs)
            if prepare:
                prepare(made)
            (folder / f"{name}.started").touch()
    return made


@pytest.fixture(scope="module")
def own_plane(toolchain: Toolchain) -> Iterator[Plane]:
    """A control plane that the tests of one module may kill, stop and start; not running yet."""
    folder = Path(str(_shared[_FOLDER]))
    name = f"own-{uuid.uuid4().hex[:8]}"
    settings = TwinSettings(name=name, home=folder / name, cache=TwinSettings.of(NAME).cache)
    guard(settings)
    yield Plane(settings, toolchain)
    reset_plane(settings)


@pytest.fixture
def namespace(plane: Plane) -> Iterator[str]:
    """A namespace of its own, deleted after the test."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    with plane.cluster() as cluster:
        cluster.request(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        )
        _await_default_account(cluster, name)
        yield name
        try:
            cluster.request("DELETE", f"/api/v1/namespaces/{name}")
        except ApiError as error:
            if error.code not in (404, 409):
                raise


def _await_default_account(cluster: Cluster, namespace: str) -> None:
    """Pods are refused until the controllers have made the namespace's default service account."""
    deadline = time.monotonic() + 20
    while True:
        try:
            cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
            return
        except ApiError as error:
            if error.code != 404 or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
