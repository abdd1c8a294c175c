"""`python -m tests.support.gateway.cage FOLDER`: runs programs as containers of one pod, without images.

Started by `cages.py` under util-linux's `unshare`, as process 1 of its own process and network namespaces.
Orders come as JSON lines on standard input, each is answered by one line. Where the input ends, however that
came about, this process ends, and the kernel ends all that it started.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shlex
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _IFF_UP = 0x8913, 0x8914, 0x8916, 0x1
_CHUNK = 1 << 16
HOME = "/var/home"
"""The home of every program: empty, and gone with it."""
_MEMORY = Path("dev", "shm")
_OWN = ("etc", "var", "srv", "mnt", "media")
"""The folders of the machine that a container does not see."""
_SHARED_ETC = ("alternatives", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd")


def raise_loopback() -> None:
    """Make 127.0.0.1 usable in a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))


def add_address(address: str, number: int) -> None:
    """Give the loopback interface another IPv4 address, such as a pod's."""
    sockaddr = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("16s16s8x", f"lo:{number}".encode(), sockaddr))


def entry(root: Path, mounts: Mapping[str, str], argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in a root of its own: the machine's, below `mounts` (inside: outside)."""
    tops = sorted(Path("/").iterdir(), key=lambda top: top not in root.parents)  # the root's own folder first
    lines = [f"mount -t tmpfs tmpfs {_quote(root)}"]
    for top in tops:
        inside = root / top.name
        if top.is_symlink():
            lines.append(f"ln -s {_quote(top.readlink())} {_quote(inside)}")
        elif top.is_dir() and top.name not in _OWN:
            lines += [f"mkdir {_quote(inside)}", f"mount --rbind {_quote(top)} {_quote(inside)}"]
    lines.append(f"mkdir -p {_quote(root)}/etc {_quote(root)}{HOME}")
    etc = {f"/etc/{name}": f"/etc/{name}" for name in _SHARED_ETC if Path("/etc", name).exists()}
    for place, source in {**etc, **mounts}.items():
        lines += _bind(root / place.lstrip("/"), Path(source))
    lines += [f"mount -t tmpfs tmpfs {_quote(root / _MEMORY)}", f'exec chroot {_quote(root)} "$@"']
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(lines), "sh", *argv]


def _bind(inside: Path, source: Path) -> list[str]:
    make = f"mkdir -p {_quote(inside)}"
    if not source.is_dir():
        make = f"mkdir -p {_quote(inside.parent)}; touch {_quote(inside)}"
    return [make, f"mount --rbind {_quote(source)} {_quote(inside)}"]


def _quote(path: Path) -> str:
    return shlex.quote(str(path))


class Cage:
    """The programs of one pod, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.addresses: list[str] = []

    async def obey(self, order: Mapping[str, Any]) -> dict[str, Any]:
        match order["verb"]:
            case "start":
                return await self.start(order["name"], order["argv"], order["env"], order["mounts"])
            case "wait":
                return {"code": await self.running[order["name"]].wait()}
            case "stop":
                return await self.stop(order["name"], order["signal"])
            case "alive":
                return {"alive": [name for name, child in self.running.items() if child.returncode is None]}
            case "relay":
                return await relay(order["listen"], order["connect"])
            case "address":
                self.addresses.append(order["address"])
                add_address(order["address"], len(self.addresses))
                return {}
            case unknown:
                raise ValueError(f"no such verb: {unknown}")

    async def start(
        self, name: str, argv: list[str], env: Mapping[str, str], mounts: Mapping[str, str]
    ) -> dict[str, Any]:
        root = self.folder / "roots" / name
        root.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.out").open("ab") as out, (self.folder / f"{name}.err").open("ab") as err:
            self.running[name] = await asyncio.create_subprocess_exec(
                *entry(root, mounts, argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=dict(env),
                start_new_session=True,
            )
        return {"pid": self.running[name].pid}

    async def stop(self, name: str, number: int) -> dict[str, Any]:
        child = self.running[name]
        if child.returncode is None:
            child.send_signal(number)
        return {"code": await child.wait()}


async def relay(listen: str, connect: str) -> dict[str, Any]:
    """Pass connections on; an address is `host:port` or a Unix socket's path, which all namespaces see."""

    pumps: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await _connect(connect)
        except OSError:
            writer.close()
            return
        for pump in (_pump(reader, far_writer), _pump(far_reader, writer)):
            task = asyncio.create_task(pump)
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    if listen.startswith("/"):
        await asyncio.start_unix_server(serve, listen)
        return {}
    host, port = listen.rsplit(":", 1)
    server = await asyncio.start_server(serve, host, int(port))
    return {"port": server.sockets[0].getsockname()[1]}


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.startswith("/"):
        return await asyncio.open_unix_connection(address)
    host, port = address.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def main(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    cage = Cage(folder)
    while line := await orders.readline():
        try:
            answer = await cage.obey(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    os._exit(0)  # the kernel ends the rest


if __name__ == "__main__":
    if os.getpid() == 1:
        raise_loopback()
    asyncio.run(main(Path(sys.argv[1])))
