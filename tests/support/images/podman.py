"""Containers for tests: podman with a configuration and a storage of its own, deleted afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from images.builder.catalogue import Catalogue
from images.builder.definition import load
from images.builder.export import export
from images.builder.layout import Layout

if TYPE_CHECKING:
    from tests.images.conftest import Image

PROGRAMS: Final = ("podman", "runc", "conmon")
START_SECONDS: Final = 120
_CONFIGURATION: Final = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
"""
_NEWNET: Final = 0x40000000  # CLONE_NEWNET of linux/sched.h


def absent() -> str:
    """Why no container can be run here; empty where one can."""
    if os.geteuid() != 0:
        return "needs root, to enter a container's network"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"needs {', '.join(missing)}" if missing else ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer over HTTP."""

    status: int
    type: str
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A running container without a network: its loopback is reached from inside its namespace."""

    engine: Engine
    name: str
    process: int

    def ask(self, method: str, path: str, body: Any = None, port: int = 8080, seconds: float = 60) -> Reply:
        """Ask its server; a `body` that is no bytes goes as JSON."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        connection.sock = self.connect(port, seconds)
        try:
            connection.request(method, path, content)
            answer = connection.getresponse()
            return Reply(status=answer.status, type=answer.getheader("Content-Type", ""), body=answer.read())
        finally:
            connection.close()

    def connect(self, port: int, seconds: float = 60) -> socket.socket:
        """A connection to a port of its loopback."""
        inside = self.socket()
        inside.settimeout(seconds)
        inside.connect(("127.0.0.1", port))
        return inside

    def socket(self) -> socket.socket:
        """A socket in its network: a thread enters the namespace, makes the socket and ends."""
        made: list[socket.socket | OSError] = []
        thread = threading.Thread(target=lambda: made.append(_socket_in(self.process)))
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    @contextlib.contextmanager
    def relay(self, port: int) -> Iterator[int]:
        """A port of this machine's loopback that leads to `port` of the container's."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_relay, args=(server, lambda: self.connect(port)), daemon=True).start()
            try:
                yield server.getsockname()[1]
            finally:
                server.shutdown(socket.SHUT_RDWR)

    def until_well(self, path: str = "/healthz", port: int = 8080) -> None:
        """Wait for the health endpoint; raises AssertionError with the container's log."""
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends and Path(f"/proc/{self.process}").exists():
            with contextlib.suppress(OSError):
                if self.ask("GET", path, port=port).status == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self.name} is not well: {self.log()}")

    def log(self) -> str:
        """What it printed."""
        return self.engine.run("logs", self.name, check=False)

    def exec(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program inside."""
        return self.engine.call("exec", self.name, *argv)


def _socket_in(process: int) -> socket.socket | OSError:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        with Path(f"/proc/{process}/ns/net").open("rb") as namespace:
            if libc.setns(namespace.fileno(), _NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return socket.socket()
    except OSError as error:
        return error


def _relay(server: socket.socket, connect: Callable[[], socket.socket]) -> None:
    with contextlib.suppress(OSError):
        while True:
            outer, _ = server.accept()
            inner = connect()
            for ends in ((outer, inner), (inner, outer)):
                threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


class Engine:
    """podman in a scratch `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        configuration = folder / "containers.conf"
        configuration.write_text(_CONFIGURATION)
        self._environ = {**os.environ, "CONTAINERS_CONF": str(configuration)}
        self._line = ["podman", f"--root={folder / 'root'}", f"--runroot={folder / 'run'}"]
        self._line.append(f"--tmpdir={folder / 'tmp'}")
        self._count = 0

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run podman."""
        line = [*self._line, *argv]
        return subprocess.run(
            line, cwd=self.folder, env=self._environ, capture_output=True, text=True, check=False
        )  # conmon leaves a file where it is called when memory runs out

    def run(self, *argv: str, check: bool = True) -> str:
        """Run podman; what it printed. Raises AssertionError where it fails and `check` holds."""
        done = self.call(*argv)
        if check and done.returncode != 0:
            raise AssertionError(f"podman {' '.join(argv)}: {done.stdout}{done.stderr}")
        return done.stdout.strip() if check else done.stdout + done.stderr

    def load(self, store: Layout, name: str) -> str:
        """Take the image `name` of a store as its users do, by an archive; its id."""
        archive, *_ = export(store, name, Catalogue.read(store.root).entry(name), self.folder)
        return self.run("pull", "--quiet", f"oci-archive:{archive}").splitlines()[-1]

    @contextlib.contextmanager
    def container(
        self,
        image: str,
        arguments: Sequence[str] = (),
        *,
        writable: Sequence[str] = (),
        options: Sequence[str] = (),
        mounts: Mapping[Path, str] | None = None,
    ) -> Iterator[Container]:
        """Run `image` as it is meant to be run, without any network; it is gone afterwards."""
        self._count += 1
        name = f"test-{os.getpid()}-{self._count}"
        line = [
            *(
                "run",
                "--detach",
                f"--name={name}",
                "--read-only",
                "--read-only-tmpfs=false",
                "--user=65532:65532",
            ),
            *("--cap-drop=all", "--security-opt=no-new-privileges", "--network=none", "--pids-limit=512"),
            *(f"--mount=type=tmpfs,destination={place},tmpfs-size=512m,U=true" for place in writable),
            *(f"--volume={path}:{place}:ro" for path, place in (mounts or {}).items()),
        ]
        try:
            self.run(*line, *options, image, *arguments)
            process = int(self.run("inspect", "--format={{.State.Pid}}", name))
            yield Container(engine=self, name=name, process=process)
        finally:
            self.run("rm", "--force", "--time=2", name, check=False)


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine, whose storage is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bastide-podman-"))
    made = Engine(folder)
    try:
        yield made
    finally:
        made.run("rm", "--all", "--force", "--time=2", check=False)
        made.run("unmount", "--all", check=False)
        made.run("rmi", "--all", "--force", check=False)
        for mount in _mounts(folder):
            subprocess.run(["umount", "--lazy", str(mount)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(
    image: Image,
    arguments: Sequence[str] = (),
    *,
    options: Sequence[str] = (),
    mounts: Mapping[Path, str] | None = None,
) -> Iterator[Container]:
    """A container of a built image, with what its definition lets it write, once it is well."""
    spec = load(image.name).container
    assert spec is not None
    with engine() as made:
        loaded = made.load(image.store, image.name)
        with made.container(
            loaded, arguments, writable=spec.writable, options=options, mounts=mounts
        ) as container:
            container.until_well(spec.health, spec.ports[-1])
            yield container


def _mounts(folder: Path) -> list[Path]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return sorted(
        (path for line in lines if (path := Path(line.split()[1])).is_relative_to(folder)), reverse=True
    )
