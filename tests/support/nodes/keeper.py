"""`python -m tests.support.nodes.keeper LAB [--detached]`: the process that a lab lives in.

Started by `lab.py` in a mount namespace of its own. Orders come as JSON lines over a Unix socket, each is
answered by one line. It ends, with machines, mounts and network, when its standard input does (however that
came about), when it is ordered to, or by a signal. What a killed keeper could not take down (a bridge, files,
control groups) the next one clears before it starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.support.nodes import cgroups, image, sources
from tests.support.nodes.machine import Guest
from tests.support.nodes.mirror import Mirror, Store
from tests.support.nodes.places import (
    RUNTIME,
    LabError,
    Place,
    Subnet,
    cache,
    first_subnet,
    hold,
    take_subnet,
)


def clear_remains() -> None:
    """Remove what keepers left behind that were killed."""
    for folder in RUNTIME.glob("[!.]*"):
        lock = hold(folder / "lock")
        if lock:
            clear(Place(name=folder.name))
            lock.close()
    free = [subnet for file in (RUNTIME / ".subnets").glob("*") if (subnet := take_subnet(int(file.name)))]
    for subnet in free:
        unlink(subnet)
        subnet.lock.close()


def unlink(subnet: Subnet) -> None:
    subprocess.run(["ip", "link", "delete", subnet.bridge], capture_output=True, check=False)


def clear(place: Place) -> None:
    """Remove the lab's control groups and files; the caller holds its lock."""
    cgroups.clear(place.name)
    shutil.rmtree(place.disk, ignore_errors=True)
    shutil.rmtree(place.run, ignore_errors=True)
    (RUNTIME / f".{place.name}.log").unlink(missing_ok=True)


@contextlib.contextmanager
def network() -> Iterator[Subnet]:
    """A bridge from which nothing is forwarded: machines reach each other and this computer's mirror."""
    subnet = first_subnet()
    unlink(subnet)
    for command in (
        ("link", "add", subnet.bridge, "type", "bridge", "forward_delay", "0"),
        ("address", "add", f"{subnet.gateway}/24", "dev", subnet.bridge),
        ("link", "set", subnet.bridge, "up"),
    ):
        subprocess.run(["ip", *command], check=True, capture_output=True)
    Path(f"/proc/sys/net/ipv4/conf/{subnet.bridge}/forwarding").write_text("0")
    yield subnet
    unlink(subnet)


class Keeper:
    """The machines of one lab, and the answers to its clients."""

    def __init__(self, place: Place, subnet: Subnet) -> None:
        self.place, self.subnet = place, subnet
        archives = sources.read()
        self.tree = image.tree(archives)
        artifacts = place.disk / "artifacts"
        artifacts.mkdir(parents=True)
        self.mirror = Mirror(subnet.gateway, Store(cache() / "archives", archives), artifacts)
        self.guests: dict[str, Guest] = {}
        self.locks: dict[str, asyncio.Lock] = {}
        self.ended = asyncio.Event()

    async def obey(self, order: dict[str, Any]) -> Any:
        name = str(order.get("name", ""))
        match order["verb"]:
            case "greet":
                return {}
            case "describe":
                return self.describe()
            case "end":
                self.ended.set()
                return {}
            case "mirror":
                self.mirror.down = bool(order.get("down", False))
                self.mirror.artifacts = Path(order.get("artifacts") or self.mirror.artifacts)
                return self.describe()
        async with self.locks.setdefault(name, asyncio.Lock()):
            return await self.change(order["verb"], name)

    async def change(self, verb: str, name: str) -> Any:
        if verb == "add" and name not in self.guests:
            await self.add(name)
            return self.guests[name].facts()
        if name not in self.guests:
            raise LabError(f"no machine {name!r} in lab {self.place.name}: {sorted(self.guests) or 'none'}")
        guest = self.guests[name]
        match verb:
            case "add" | "on":
                await guest.start()
            case "off":
                await guest.stop()
            case "reset":
                await guest.reset()
            case "remove":
                await guest.remove()
                del self.guests[name]
                return {}
        return guest.facts()

    async def add(self, name: str) -> None:
        taken = {guest.address for guest in self.guests.values()}
        address = next(a for a in map(self.subnet.address, range(240)) if a not in taken)
        guest = Guest(name=name, address=address, place=self.place, subnet=self.subnet, tree=self.tree)
        self.guests[name] = guest
        try:
            await asyncio.to_thread(guest.make)
            await guest.start()
        except BaseException:
            del self.guests[name]
            await guest.remove()
            raise

    def describe(self) -> dict[str, Any]:
        return {
            **{"name": self.place.name, "gateway": self.subnet.gateway, "network": str(self.subnet.network)},
            **{"key": str(self.place.key), "artifacts": str(self.mirror.artifacts)},
            "machines": {name: guest.facts() for name, guest in self.guests.items() if guest.made},
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = {"result": await self.obey(json.loads(await reader.readline()))}
        except (LabError, OSError, subprocess.CalledProcessError) as error:
            answer = {"error": str(error)}
        writer.write(json.dumps(answer).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def live(self, *, detached: bool) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.ended.set)
        if not detached:
            loop.add_reader(sys.stdin.fileno(), self.ended.set)  # nothing is ever sent: readable means ended
        server = await asyncio.start_unix_server(self.serve, self.place.socket)
        print("ready", flush=True)
        await self.ended.wait()
        server.close()
        await asyncio.gather(*(guest.stop() for guest in self.guests.values()))
        for guest in self.guests.values():
            await guest.remove()


def main() -> int:
    place = Place(name=sys.argv[1])
    with FileLock(RUNTIME / ".clearing"):  # nobody takes a lab that has just begun for a remain
        lock = hold(place.run / "lock")
        clear_remains()
    if not lock:
        print(f"lab {place.name} is running already", file=sys.stderr)
        return 1
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place.key], check=True)
        with network() as subnet:
            keeper = Keeper(place, subnet)
            asyncio.run(keeper.live(detached="--detached" in sys.argv))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        clear(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
