"""Guests under QEMU, from an image's own machine descriptions (`qemu-<machine>.json`).

A guest whose memory is kept can become a snapshot: its memory is a file already, so only the devices' state
is written. A resumed guest maps that file privately (copy on write): many resume from one snapshot, and none
changes it. The agent then puts clock and randomness right. A snapshot goes with the root that its memory
knows, and holds the guest's secrets: only its owner may look into its folder, and into that of a run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final, Literal, TypeAlias

from images.builder.errors import ImageError
from images.run.agent import Agent, Hello
from images.run.qmp import Qmp

Accelerator: TypeAlias = Literal["kvm", "tcg"]

BOOT_SECONDS: Final = 120.0
_POLL: Final = 0.001
_SNAPSHOT: Final = "snapshot.json"
_KEPT: Final = ("memory", "state")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that QEMU can make of the image laid out in the folder `files`."""

    files: Path
    name: str
    accelerator: Accelerator = "tcg"

    def command(self, run: Path, memory: str, rest: str, kept: Path | None) -> list[str]:
        """QEMU's command line; `memory` and `rest` choose from the description."""
        about = self.description()
        chosen: list[str] = [
            about["program"],
            *about["arguments"],
            *about["memory"][memory],
            *about["accelerators"][self.accelerator],
            *about.get(rest, []),
        ]
        places = {"files": str(self.files), "run": str(run), "memory": str(kept)}
        return [Template(word).substitute(places) for word in chosen]

    def description(self) -> dict[str, Any]:
        """What the image says of this machine; raises `ImageError` where it has none."""
        path = self.files / f"qemu-{self.name}.json"
        try:
            content: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ImageError(
                f"{path}: {error}", "lay the image's files out first, and name its machine"
            ) from error
        return content

    def digests(self) -> dict[str, str]:
        """Of the description, and of the image's files that a resumed guest still reads: its root."""
        words = " ".join(self.description()["arguments"])
        return _digests(self.files, (f"qemu-{self.name}.json", *re.findall(r"\$\{files\}/([\w.-]+)", words)))


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A stopped guest in a folder: `memory`, `state` and what they were made with."""

    folder: Path
    machine: Machine

    @property
    def memory(self) -> Path:
        return self.folder / "memory"

    @property
    def state(self) -> Path:
        return self.folder / "state"


class Guest:
    """A running guest. `folder` holds its sockets, its console and QEMU's log."""

    def __init__(
        self, machine: Machine, folder: Path, process: subprocess.Popen[bytes], memory: Path | None
    ) -> None:
        self.machine = machine
        self.folder = folder
        self.process = process
        self._memory = memory
        self.agent = Agent(_connected(folder / "agent", folder, process))
        self.hello: Hello = self.agent.hello(BOOT_SECONDS)

    def keep(self, into: Path) -> Snapshot:
        """Make a snapshot of this guest in the folder `into`, and end it; raises `ImageError`."""
        if self._memory is None:
            raise ImageError("guest: its memory is in no file", "start it with `kept`, then it can be kept")
        into.mkdir(mode=0o700, parents=True)
        monitor = Qmp(_connected(self.folder / "qmp", self.folder, self.process))
        monitor.keep_state(into / "state")
        monitor.close()
        self.end()
        self._memory.rename(into / "memory")
        about = {"machine": self.machine.name, "qemu": version(), "image": self.machine.digests()}
        (into / _SNAPSHOT).write_text(json.dumps({**about, **_digests(into, _KEPT)}))
        return Snapshot(folder=into, machine=self.machine)

    def end(self) -> None:
        """End QEMU, whatever the guest does."""
        self.process.kill()
        self.process.wait()


def open_snapshot(folder: Path, files: Path, accelerator: Accelerator = "tcg") -> Snapshot:
    """The snapshot in `folder`; raises `ImageError` where a byte changed, for another QEMU or image."""
    try:
        about = json.loads((folder / _SNAPSHOT).read_text())
        found = _digests(folder, _KEPT)
        machine = Machine(files=files, name=about["machine"], accelerator=accelerator)
        image = machine.digests()
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(f"snapshot {folder}: {error}", "make the snapshot again") from error
    if changed := [name for name, digest in found.items() if about.get(name) != digest]:
        raise ImageError(f"snapshot {folder}: altered: {', '.join(changed)}", "make the snapshot again")
    if about["qemu"] != version():
        raise ImageError(
            f"snapshot {folder}: made by {about['qemu']}, here is {version()}", "make the snapshot again"
        )
    if about.get("image") != image:
        raise ImageError(
            f"snapshot {folder}: made of another image than {files}",
            "give the files of its own image, or make the snapshot again of this one",
        )
    return Snapshot(folder=folder, machine=machine)


@contextlib.contextmanager
def started(machine: Machine, folder: Path, *, kept: bool = False) -> Iterator[Guest]:
    """A guest that was booted and has said hello; `kept` puts its memory into a file, for a snapshot."""
    folder.mkdir(mode=0o700, parents=True)
    memory = folder / "memory" if kept else None
    command = machine.command(folder, "kept" if kept else "private", "boot", memory)
    with _running(command, folder) as process:
        guest = Guest(machine, folder, process, memory)
        yield guest


@contextlib.contextmanager
def resumed(snapshot: Snapshot, folder: Path) -> Iterator[Guest]:
    """A guest that goes on from a snapshot, with its clock and its randomness put right."""
    folder.mkdir(mode=0o700, parents=True)
    command = snapshot.machine.command(folder, "resumed", "", snapshot.memory)
    with _running([*command, "-incoming", "defer"], folder) as process:
        monitor = Qmp(_connected(folder / "qmp", folder, process))
        monitor.take_state(snapshot.state)
        monitor.close()
        guest = Guest(snapshot.machine, folder, process, None)
        guest.agent.put_right()
        yield guest


def version() -> str:
    """QEMU's version line; raises `ImageError` where there is none."""
    program = "qemu-system-x86_64"
    if shutil.which(program) is None:
        raise ImageError(f"{program} is not installed", "install the package qemu-system-x86")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


@contextlib.contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    if shutil.which(command[0]) is None:
        raise ImageError(f"{command[0]} is not installed", "install the package qemu-system-x86")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _connected(path: Path, folder: Path, process: subprocess.Popen[bytes]) -> socket.socket:
    """A connection to `path`, once QEMU serves it; raises `ImageError` with its log where it ended."""
    ends = time.monotonic() + BOOT_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            connection.connect(str(path))
            return connection
        connection.close()
        if process.poll() is not None or time.monotonic() > ends:
            told = (folder / "log").read_text(errors="replace").strip()
            raise ImageError(f"guest {folder}: QEMU did not start: {told}", "mend what it names")
        time.sleep(_POLL)


def _digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
