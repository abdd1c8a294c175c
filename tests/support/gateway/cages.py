"""Pods without a machine: namespaces in which a test run starts programs, and from which nothing gets out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.gateway.cage import HOME
from twin.settings import ROOT

Program: TypeAlias = Sequence[str | Path]
"""A program and its first arguments."""

_MODULE = "tests.support.gateway.cage"
_NEEDED = ("unshare", "mount", "chroot")


def isolation() -> list[str]:
    """The command that gives a program its own mounts, processes and network, as root or as a user."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]


def hindrance() -> str:
    """Why this machine gives no namespaces; empty where it does."""
    if missing := [tool for tool in _NEEDED if shutil.which(tool) is None]:
        return f"no {', '.join(missing)} (util-linux, coreutils) on this machine"
    tried = subprocess.run([*isolation(), "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""


class Cage:
    """A pod: programs that share a network. It ends with this process, even if that is killed."""

    def __init__(self, folder: Path, *, isolated: bool = True) -> None:
        """`folder` takes the programs' output. Where not `isolated` it is of the machine's own network."""
        folder.mkdir(parents=True)
        self.folder = folder
        self._lock = threading.Lock()
        self._started: dict[str, dict[str, Any]] = {}
        self._child = subprocess.Popen(
            [*(isolation() if isolated else []), sys.executable, "-m", _MODULE, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(
        self,
        name: str,
        argv: Program,
        env: Mapping[str, str] | None = None,
        mounts: Mapping[str, Path] | None = None,
    ) -> None:
        """Run `argv`; `mounts` maps places inside to files or folders of the machine."""
        places = {inside: str(outside) for inside, outside in (mounts or {}).items()}
        home = {"PATH": os.environ.get("PATH", os.defpath), "HOME": HOME}
        line = [str(word) for word in argv]
        self._started[name] = {"name": name, "argv": line, "env": {**home, **(env or {})}, "mounts": places}
        self._order("start", **self._started[name])

    def wait(self, name: str) -> int:
        """The exit code of the program `name`, once it ends."""
        return int(self._order("wait", name=name)["code"])

    def stop(self, name: str, number: int = signal.SIGTERM) -> int:
        """End the program `name`; its exit code."""
        return int(self._order("stop", name=name, signal=int(number))["code"])

    def restart(self, name: str) -> None:
        """Start the program `name` again, which has ended, as it was started before."""
        self._order("start", **self._started[name])

    def alive(self) -> list[str]:
        """The programs that run."""
        return list(self._order("alive")["alive"])

    def relay(self, listen: str | Path, connect: str | Path) -> int:
        """Pass connections from `listen` on to `connect` (each `host:port` or a socket's path); the port."""
        return int(self._order("relay", listen=str(listen), connect=str(connect)).get("port", 0))

    def add_address(self, address: str) -> None:
        """Have the IPv4 address `address`, as the pod that the programs belong to."""
        self._order("address", address=address)

    def output(self, name: str) -> str:
        """What the program `name` wrote: errors last."""
        files = [self.folder / f"{name}.{kind}" for kind in ("out", "err")]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def close(self) -> None:
        """End all that runs in it."""
        if self._child.stdin:
            self._child.stdin.close()
        self._child.wait(timeout=20)
        if self._child.stdout:
            self._child.stdout.close()

    def _order(self, verb: str, **order: Any) -> dict[str, Any]:
        assert self._child.stdin
        assert self._child.stdout
        with self._lock:
            self._child.stdin.write(json.dumps({"verb": verb, **order}) + "\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the pod is gone"}
        if "error" in answer:
            raise RuntimeError(f"{verb} {order.get('name', '')}: {answer['error']}")
        return answer
