"""Processes that outlive the command that started them, known by pid, start time and boot.

A pid alone may have been given to another process meanwhile; with its start time and the boot it may not.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
# The child writes its own record before it becomes the program: no moment exists in which it runs unrecorded.
_RECORD: Final = (
    'read -r boot < /proc/sys/kernel/random/boot_id; read -r stat < "/proc/$$/stat"; '
    'printf "%s\\n%s\\n" "$boot" "$stat" > "$0"; exec "$@"'
)
_LOG_LIMIT: Final = 20 * 1024 * 1024


@dataclass(frozen=True)
class Running:
    """A process that runs now."""

    pid: int
    started: int
    """Clock ticks since boot, field 22 of /proc/<pid>/stat."""


def spawn(argv: Sequence[str], record: Path, log: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own; output goes to `log`, identity to `record`."""
    record.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", _RECORD, str(record), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=environ,
        )


def running(record: Path) -> Running | None:
    """The process that `record` names, if it is still that very process."""
    try:
        boot, stat = record.read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return None
    if boot != _BOOT.read_text().strip():
        return None
    pid, _, started = _fields(stat)
    now = _stat(pid)
    if now is None or now[1] in "ZX" or now[2] != started:
        return None
    return Running(pid, started)


def stop(record: Path, patience: float) -> None:
    """SIGTERM, after `patience` seconds SIGKILL; returns when the process is gone. Removes `record`."""
    found = running(record)
    if found is not None:
        _end(record, found, patience)
    record.unlink(missing_ok=True)


def _end(record: Path, found: Running, patience: float) -> None:
    try:
        handle = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return
    try:
        # The handle pins the pid; only now is it certain that the record still means this process.
        if running(record) != found:
            return
        for signum, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 30.0)):
            signal.pidfd_send_signal(handle, signum)
            if _ended(handle, wait):
                return
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
    raise TimeoutError(f"process {found.pid} does not end, not even by SIGKILL")


def _ended(handle: int, patience: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(patience * 1000))


def _stat(pid: int) -> tuple[int, str, int] | None:
    try:
        return _fields(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def _fields(stat: str) -> tuple[int, str, int]:
    """Pid, state and start time of a line of /proc/<pid>/stat; the command may hold spaces and brackets."""
    head, _, tail = stat.rpartition(")")
    rest = tail.split()
    return int(head.split(" ", 1)[0]), rest[0], int(rest[19])
