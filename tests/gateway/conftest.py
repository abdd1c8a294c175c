"""One real gateway for all tests of this folder, fed with what the blocks register."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.kubernetes import Manifest
from tests.gateway.house import House, read_published, serving
from tests.support import definitions
from tests.support.gateway.cages import hindrance
from tests.support.plane import NAME, Plane, shared_plane
from twin.settings import TwinSettings
from twin.toolchain.model import Toolchain
from twin.toolchain.resolve import find_tools
from twin.toolchain.tools import GATEWAY_TOOLS


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    """The gateway's programs. Skips where they, or the namespaces to run them in, cannot be had."""
    found = find_tools(TwinSettings.of(NAME), tools=GATEWAY_TOOLS)
    if missing := [tool.name for tool in GATEWAY_TOOLS if tool.name not in found]:
        pytest.skip(f"no {', '.join(missing)} on this machine: `python -m tests` gets them")
    if reason := hindrance():
        pytest.skip(f"no namespaces for the gateway's programs on this machine: {reason}")
    return {name: tool.path for name, tool in found.items()}


@pytest.fixture(scope="session")
def published() -> dict[str, Manifest]:
    """The upstream's definitions that the controllers and our objects need. Skips where they are absent."""
    folder = definitions.UPSTREAM / "crds"
    if not folder.is_dir():
        pytest.skip(f"the upstream's definitions are not at {folder}")
    return read_published(folder)


@pytest.fixture(scope="session")
def raised(
    programs: dict[str, Path],
    published: dict[str, Manifest],
    toolchain: Toolchain,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """A gateway that serves the tenants of `site`."""
    folder = tmp_path_factory.mktemp("gateway")

    def prepare(plane: Plane) -> None:
        with plane.cluster() as cluster:
            definitions.install(cluster, published)

    plane = shared_plane(toolchain, f"gateway-{uuid.uuid4().hex[:6]}", prepare)
    with serving(plane, programs, folder) as made:
        yield made


@pytest.fixture
def house(raised: House) -> House:
    """The gateway, with providers that are well and limits that have counted nothing."""
    raised.live.forget()
    return raised
