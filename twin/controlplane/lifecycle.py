"""Start, stop and status of a control plane. Every verb is safe to repeat and to run twice at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from components.cluster import Cluster
from twin.controlplane import pki, processes
from twin.controlplane.access import grant
from twin.controlplane.configs import operator_kubeconfig, write_configs
from twin.controlplane.health import ailment
from twin.controlplane.layout import Layout
from twin.controlplane.members import MEMBERS, Member, members
from twin.controlplane.ports import Ports, ports_for, refuse_taken, remembered_ports
from twin.errors import TwinError
from twin.files import private_folder, write_if_changed
from twin.progress import Progress, Silent
from twin.settings import TwinSettings

_STEP: Final = "control plane"
_READY_WITHIN: Final = 90.0
_POLL: Final = 0.05
_PATIENCE: Final = 20.0
_LOCK_PATIENCE: Final = 300.0
_LOG_LINES: Final = 12

Child = subprocess.Popen[bytes]


class State(StrEnum):
    """How a member is."""

    STOPPED = "stopped"
    DEAD = "dead"
    """It was started and is gone, though nobody stopped it."""
    UNHEALTHY = "unhealthy"
    """It runs, but does not answer well (yet)."""
    HEALTHY = "healthy"


@dataclass(frozen=True, kw_only=True)
class MemberStatus:
    """One member: `pid` and `port` are 0 where there is none, `detail` says what is wrong."""

    name: str
    state: State
    pid: int
    port: int
    log: str
    detail: str = ""


def start_plane(
    settings: TwinSettings, programs: Mapping[str, Path], progress: Progress | None = None
) -> tuple[MemberStatus, ...]:
    """Start what does not run; return when every member is well. State of an earlier run is kept.

    Raises `TwinError` where a port is taken, or a member ends or is not well in time.
    """
    progress = progress or Silent()
    with _locked(settings):
        layout = Layout(settings.home)
        ports = ports_for(settings) if not _any_running(layout) else _ports_in_use(settings)
        plan = members(layout, ports, programs)
        missing = _missing(layout, plan)
        _prepare(settings, layout, ports)
        if missing:
            refuse_taken({member.port_name: member.port for member in missing})
        progress.start(_STEP, "Starting the control plane")
        try:
            _raise_all(settings, layout, plan, progress)
        except TwinError as error:
            progress.fail(_STEP, error.problem)
            raise
        progress.done(_STEP, "Control plane")
        return _status(layout, plan)


def stop_plane(settings: TwinSettings) -> None:
    """Stop every member, the last one started first. Raises `TwinError` if one does not end."""
    layout = Layout(settings.home)
    if not settings.home.exists():
        return
    with _locked(settings):
        for name in reversed(MEMBERS):
            try:
                processes.stop(layout.record(name), _PATIENCE)
            except TimeoutError as error:
                raise TwinError(f"{name}: {error}", "see `ps` for what holds it, then stop again") from error


def plane_status(settings: TwinSettings) -> tuple[MemberStatus, ...]:
    """How each member is; asks the running ones over their health endpoints."""
    layout = Layout(settings.home)
    ports = remembered_ports(settings)
    if ports is None:
        return tuple(
            MemberStatus(name=name, state=State.STOPPED, pid=0, port=0, log=str(layout.log(name)))
            for name in MEMBERS
        )
    return _status(layout, members(layout, ports, {name: Path(name) for name in MEMBERS}))


def reset_plane(settings: TwinSettings) -> None:
    """Stop, and delete all that belongs to this twin. Its stacks' state goes too."""
    stop_plane(settings)
    if settings.home.exists():
        shutil.rmtree(settings.home)


@contextmanager
def _locked(settings: TwinSettings) -> Iterator[None]:
    private_folder(settings.home)
    # Beside the home, not in it: `reset` deletes the home while others wait.
    lock = FileLock(settings.home.with_name(f".{settings.home.name}.lock"), timeout=_LOCK_PATIENCE)
    try:
        with lock:
            private_folder(settings.home)
            yield
    except Timeout as error:
        raise TwinError(
            f"{lock.lock_file}: another command has started or stopped this twin for {_LOCK_PATIENCE:.0f} s",
            "wait for it or end it, then try again",
        ) from error


def _prepare(settings: TwinSettings, layout: Layout, ports: Ports) -> None:
    for folder in (layout.data, layout.audit, layout.record("").parent, layout.log("").parent):
        private_folder(folder)
    pki.ensure(layout.pki.folder)
    write_configs(layout, ports)
    write_if_changed(settings.kubeconfig, operator_kubeconfig(layout, ports, settings.context))


def _missing(layout: Layout, plan: Sequence[Member]) -> list[Member]:
    """The members to start. Where etcd or the API server fell, those that depend on it are stopped too.

    A controller manager that loses its server while it initializes ends some seconds later.
    """
    base, others = plan[:2], plan[2:]
    if any(processes.running(layout.record(member.name)) is None for member in base):
        for member in reversed(others):
            processes.stop(layout.record(member.name), _PATIENCE)
    return [member for member in plan if processes.running(layout.record(member.name)) is None]


def _any_running(layout: Layout) -> bool:
    return any(processes.running(layout.record(name)) for name in MEMBERS)


def _ports_in_use(settings: TwinSettings) -> Ports:
    ports = remembered_ports(settings)
    if ports is None:
        return ports_for(settings)
    if settings.port and ports.apiserver != settings.port:
        raise TwinError(
            f"BASTIDE_PORT={settings.port}, but the twin `{settings.name}` runs on port {ports.apiserver}",
            "stop it first (`make down`), or unset BASTIDE_PORT",
        )
    return ports


def _raise_all(settings: TwinSettings, layout: Layout, plan: Sequence[Member], progress: Progress) -> None:
    etcd, apiserver, *others = plan
    deadline = time.monotonic() + _READY_WITHIN
    done = 0
    for wave in ((etcd,), (apiserver,), tuple(others)):
        if wave[0] is others[0]:
            with Cluster(settings.kubeconfig, settings.context) as cluster:
                grant(cluster)
        children = {member.name: _ensure_running(layout, member) for member in wave}
        for member in wave:
            _await(layout, member, children[member.name], deadline)
            done += 1
            progress.tick(_STEP, done, len(plan), member.name)


def _ensure_running(layout: Layout, member: Member) -> Child | None:
    """Start `member` unless it runs; None where it did already."""
    if processes.running(layout.record(member.name)) is not None:
        return None
    # It may have been killed only now, and hold its port for a moment longer.
    refuse_taken({member.port_name: member.port})
    layout.record(member.name).unlink(missing_ok=True)
    environ = {"PATH": os.defpath, "HOME": str(layout.home), "LANG": "C.UTF-8"}
    return processes.spawn(member.argv, layout.record(member.name), layout.log(member.name), environ)


def _await(layout: Layout, member: Member, child: Child | None, deadline: float) -> None:
    trouble = "not asked yet"
    while time.monotonic() < deadline:
        if child is None:
            # It ran before us, and may still fall with a member that was killed.
            child = _ensure_running(layout, member)
        elif child.poll() is not None:
            raise _failed(layout, member, f"ended with exit code {child.returncode}")
        trouble = ailment(member, layout.pki)
        if not trouble:
            return
        time.sleep(_POLL)
    raise _failed(layout, member, f"is not well after {_READY_WITHIN:.0f} s: {trouble}")


def _failed(layout: Layout, member: Member, what: str) -> TwinError:
    log = layout.log(member.name)
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.exists() else []
    told = "\n".join(f"    {line}" for line in lines)
    return TwinError(
        f"{member.name} {what}; the end of {log}:\n{told}",
        "mend what the log names and start again; "
        f"`bastide twin {layout.home.name} reset` starts from nothing",
    )


def _status(layout: Layout, plan: Sequence[Member]) -> tuple[MemberStatus, ...]:
    return tuple(_status_of(layout, member) for member in plan)


def _status_of(layout: Layout, member: Member) -> MemberStatus:
    record = layout.record(member.name)
    found = processes.running(record)
    detail = ""
    if found is not None:
        detail = ailment(member, layout.pki)
        state = State.UNHEALTHY if detail else State.HEALTHY
    elif record.exists():
        state, detail = State.DEAD, "ended without being stopped"
    else:
        state = State.STOPPED
    return MemberStatus(
        name=member.name,
        state=state,
        pid=found.pid if found else 0,
        port=member.port,
        log=str(layout.log(member.name)),
        detail=detail,
    )
