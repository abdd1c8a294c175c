"""A control plane is started once, survives any crash and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.plane import Plane
from tests.support.processes import running
from twin.controlplane.layout import Layout
from twin.controlplane.lifecycle import State, plane_status, reset_plane, start_plane, stop_plane
from twin.controlplane.members import MEMBERS
from twin.controlplane.ports import HOST, remembered_ports
from twin.errors import TwinError
from twin.settings import TwinSettings

pytestmark = [pytest.mark.plane, pytest.mark.fault, pytest.mark.xdist_group("own-plane")]


def states(settings: TwinSettings) -> dict[str, State]:
    return {member.name: member.state for member in plane_status(settings)}


def kill(settings: TwinSettings, *names: str) -> None:
    for member in plane_status(settings):
        if member.name in names:
            os.kill(member.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = states(settings)
        if all(found[name] is State.DEAD for name in names):
            return
        time.sleep(0.05)
    raise AssertionError(f"killed {names}, but the status says {found}")


def mark(plane: Plane) -> str:
    """Write an object; its uid."""
    with plane.cluster() as cluster:
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "mark-"}}
        made = cluster.request("POST", "/api/v1/namespaces/default/configmaps", document)
    return str(made["metadata"]["uid"])


def marks(plane: Plane) -> set[str]:
    with plane.cluster() as cluster:
        found = cluster.items("/api/v1/namespaces/default/configmaps")
    return {str(entry["metadata"]["uid"]) for entry in found}


def test_two_starts_at_once_make_one_plane_beside_the_other(plane: Plane, own_plane: Plane) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(
            lambda _: start_plane(own_plane.settings, own_plane.toolchain.programs), "ab"
        )
    assert [member.pid for member in first] == [member.pid for member in second]
    assert len(running(f"{own_plane.settings.home}/")) == len(MEMBERS)
    uid = mark(own_plane)
    assert uid in marks(own_plane)
    assert uid not in marks(plane)
    assert set(states(plane.settings).values()) == {State.HEALTHY}


@pytest.mark.parametrize("names", [*((name,) for name in MEMBERS), MEMBERS], ids="+".join)
def test_a_killed_member_is_told_and_comes_back_with_the_same_state(
    own_plane: Plane, names: tuple[str, ...]
) -> None:
    settings, programs = own_plane.settings, own_plane.toolchain.programs
    before = {member.name: member.pid for member in start_plane(settings, programs)}
    uid = mark(own_plane)
    kill(settings, *names)
    after = {member.name: member.pid for member in start_plane(settings, programs)}
    assert set(states(settings).values()) == {State.HEALTHY}
    changed = {name for name in MEMBERS if before[name] != after[name]}
    assert changed >= set(names)
    assert "etcd" not in changed or "etcd" in names
    assert uid in marks(own_plane)


def test_stop_leaves_no_process_and_start_brings_the_state_back(own_plane: Plane) -> None:
    settings, programs = own_plane.settings, own_plane.toolchain.programs
    start_plane(settings, programs)
    uid = mark(own_plane)
    stop_plane(settings)
    assert running(f"{settings.home}/") == {}
    assert set(states(settings).values()) == {State.STOPPED}
    stop_plane(settings)
    start_plane(settings, programs)
    assert uid in marks(own_plane)


def test_a_taken_port_is_told_before_anything_starts(own_plane: Plane) -> None:
    settings, programs = own_plane.settings, own_plane.toolchain.programs
    start_plane(settings, programs)
    stop_plane(settings)
    ports = remembered_ports(settings)
    assert ports is not None
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, ports.scheduler))
        listener.listen()
        with pytest.raises(TwinError, match=f"port {ports.scheduler} .* scheduler"):
            start_plane(settings, programs)
    assert running(f"{settings.home}/") == {}


def test_a_member_that_ends_is_named_with_its_last_words(own_plane: Plane, tmp_path: Path) -> None:
    broken = tmp_path / "kwok"
    broken.write_text("#!/bin/sh\necho 'no stages today'; exit 7\n")
    broken.chmod(0o755)
    settings = own_plane.settings
    stop_plane(settings)
    with pytest.raises(TwinError) as caught:
        start_plane(settings, {**own_plane.toolchain.programs, "kwok": broken})
    assert "kwok ended with exit code 7" in caught.value.problem
    assert "no stages today" in caught.value.problem
    assert str(Layout(settings.home).log("kwok")) in caught.value.problem


def test_reset_leaves_nothing(own_plane: Plane) -> None:
    settings = own_plane.settings
    start_plane(settings, own_plane.toolchain.programs)
    reset_plane(settings)
    assert running(f"{settings.home}/") == {}
    assert not settings.home.exists()
    assert set(states(settings).values()) == {State.STOPPED}
