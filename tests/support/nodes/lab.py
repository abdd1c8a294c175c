"""The lab as tests see it: a context manager that gives machines, and takes everything down for certain."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from filelock import FileLock

from images.builder.namespaces import OWN
from tests.support.command import ROOT, Done
from tests.support.nodes.places import RUNTIME, LabError, Place

__all__ = ["Lab", "LabError", "Machine", "needs"]
NEEDED = {
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
}
"""A program -> the Debian package that holds it."""
ANSWER = 300
"""Seconds that the keeper may take for an order: copying a machine's files and booting it."""
_counter = itertools.count()


def needs() -> str:
    """Why no machine can be had here, in one line; empty where one can."""
    if os.geteuid() != 0:
        return "test machines need root"
    if not Path("/etc/debian_version").exists() or not Path("/usr/lib/apt/apt-helper").exists():
        return "test machines need Debian 12 or 13 here"
    missing = sorted({package for program, package in NEEDED.items() if not shutil.which(program)})
    return f"test machines need: apt-get install {' '.join(missing)}" if missing else ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One Debian machine: log in as `user` with the lab's `key`, expect `fingerprint`."""

    lab: Lab
    name: str
    address: str
    user: str
    fingerprint: str
    host_key: str

    @property
    def key(self) -> Path:
        return self.lab.place.key

    def ssh(self, command: str, timeout: float = 120) -> Done:
        """Run a shell command by ssh, as `user`; the host key is checked."""
        known = self.lab.place.run / f"{self.name}.known"
        known.write_text(f"{self.address} {self.host_key}\n")
        options = {
            **{"BatchMode": "yes", "ConnectTimeout": "10", "IdentitiesOnly": "yes", "IdentityFile": self.key},
            **{"StrictHostKeyChecking": "yes", "UserKnownHostsFile": known, "LogLevel": "ERROR"},
        }
        flags = itertools.chain.from_iterable(("-o", f"{key}={value}") for key, value in options.items())
        return _done(["ssh", *flags, f"{self.user}@{self.address}", command], timeout)

    def run(self, *argv: str | Path, timeout: float = 120) -> Done:
        """Run a command as root inside the machine, without ssh: it works whatever the roles did to that."""
        return _done([*self.lab.inside(self.name), "env", "-i", _PATH, *map(str, argv)], timeout)

    def read(self, path: str) -> str:
        """The text of a file inside."""
        done = self.run("cat", path)
        if done.code != 0:
            raise FileNotFoundError(f"{self.name}:{path}: {done.err.strip()}")
        return done.out

    def off(self) -> None:
        """Pull the plug."""
        self.lab.order("off", self.name)

    def on(self) -> None:
        """Boot the machine again, with what is on its disk."""
        self.lab.order("on", self.name)

    def reset(self) -> None:
        """Make it as new: same name, address and host key."""
        self.lab.order("reset", self.name)


_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Lab:
    """Machines on one bridge: `with Lab() as lab: one, two = lab.add("one", "two")`.

    With the name of a running lab, one of its clients.
    """

    def __init__(self, name: str = "") -> None:
        self.place = Place(name=name or f"t{os.getpid()}-{next(_counter)}")
        self.keeper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Lab:
        self.start(detached=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.keeper and self.keeper.stdin:
            self.keeper.stdin.close()
            self.keeper.wait(timeout=300)

    def start(self, *, detached: bool) -> None:
        """Start the keeper; a detached one lives until `end`, whatever becomes of this process."""
        reason = needs()
        if reason:
            raise LabError(reason)
        RUNTIME.mkdir(parents=True, exist_ok=True)
        with (RUNTIME / f".{self.place.name}.log").open("w") as log:
            self.keeper = subprocess.Popen(
                [*OWN, *_keeper(self.place.name, detached)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if not detached else log,
                text=True,
                start_new_session=detached,
            )
        said = _until_ready(self.keeper.stdout)
        if said:
            raise LabError(f"the lab {self.place.name} did not start: {said}")
        own = Path(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children").read_text().strip()
        (self.place.run / "keeper.pid").write_text(own)

    def ensure(self) -> None:
        """Start the lab, detached, where it does not run."""
        with FileLock(RUNTIME / f".{self.place.name}.start"):
            if not self.running:
                self.start(detached=True)

    @property
    def running(self) -> bool:
        try:
            self.order("greet")
        except LabError:
            return False
        return True

    def order(self, verb: str, name: str = "", **more: Any) -> Any:
        """Ask the keeper; raises LabError with what it says."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ANSWER)
            try:
                line.connect(str(self.place.socket))
                line.sendall(json.dumps({"verb": verb, "name": name, **more}).encode() + b"\n")
                answer = json.loads(line.makefile().readline() or '{"error": "the lab ended"}')
            except OSError as error:
                raise LabError(f"the lab {self.place.name!r} does not answer ({error})") from error
        if "error" in answer:
            raise LabError(answer["error"])
        return answer["result"]

    def add(self, *names: str) -> list[Machine]:
        """Machines of these names, booted side by side; those that exist are switched on."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(lambda name: self._machine(self.order("add", name)), names))

    def machine(self, name: str) -> Machine:
        facts = self.order("describe")["machines"].get(name)
        if not facts:
            raise LabError(f"no machine {name!r} in lab {self.place.name}")
        return self._machine(facts)

    def _machine(self, facts: dict[str, Any]) -> Machine:
        fields = ("name", "address", "user", "fingerprint", "host_key")
        return Machine(lab=self, **{field: facts[field] for field in fields})

    def inside(self, name: str) -> list[str]:
        """The words before a command that make it run as root in machine `name`; it is switched on."""
        leader = str(self.order("on", name)["leader"])
        keeper = (self.place.run / "keeper.pid").read_text()
        return ["nsenter", "-t", keeper, "-p", "-m", "nsenter", "-t", leader, "-a", "--wdns=/", "--"]

    def remove(self, name: str) -> None:
        self.order("remove", name)

    def end(self) -> None:
        """Take a detached lab down, and wait until it is."""
        self.order("end")
        for _ in range(300):
            if not self.place.run.exists():
                return
            time.sleep(0.1)

    def serve_artifacts(self, folder: Path) -> dict[str, str]:
        """Serve `folder` (with its index.json) to the machines; the answer is `bastide_artifacts`."""
        self.order("mirror", artifacts=str(folder.resolve()))
        return self.artifacts

    @property
    def artifacts(self) -> dict[str, str]:
        """The variable `bastide_artifacts` of what the lab serves; empty where it serves nothing."""
        index = Path(self.order("describe")["artifacts"], "index.json")
        if not index.exists():
            return {}
        digest = hashlib.sha256(index.read_bytes()).hexdigest()
        return {"url": "http://mirror/artifacts", "digest": f"sha256:{digest}"}

    def cut_mirror(self, *, down: bool = True) -> None:
        """Make the mirror answer 503 to everything, or work again."""
        self.order("mirror", down=down)


def _keeper(name: str, detached: bool) -> Sequence[str]:
    return [sys.executable, "-m", "tests.support.nodes.keeper", name, *(["--detached"] if detached else [])]


def _until_ready(out: IO[str] | None) -> str:
    lines: list[str] = []
    for line in out or ():
        if line.strip() == "ready":
            return ""
        lines.append(line)
    return "".join(lines)[-2000:] or "it said nothing"


def _done(command: Sequence[str | Path], timeout: float) -> Done:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr)
