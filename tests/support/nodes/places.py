"""Where labs keep their things, and which part of the network each gets."""

from __future__ import annotations

import fcntl
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

RUNTIME = Path("/run/bastide-nodes")
"""One folder for each running lab; gone after a restart of the machine, as the labs are."""


class LabError(Exception):
    """A test machine or its surroundings cannot be had; the text says what to do."""


def cache() -> Path:
    """The folder that labs share on disk: `nodes` in BASTIDE_CACHE, or in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("BASTIDE_CACHE") or Path(home) / "bastide").resolve() / "nodes"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What belongs to one lab by its name."""

    name: str

    @property
    def run(self) -> Path:
        return RUNTIME / self.name

    @property
    def socket(self) -> Path:
        return self.run / "control.sock"

    @property
    def key(self) -> Path:
        """The private SSH key of the lab; the public one is beside it."""
        return self.run / "key"

    @property
    def disk(self) -> Path:
        return cache() / "labs" / self.name


def hold(path: Path) -> IO[str] | None:
    """Lock the file `path` until the answer is closed; None where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


@dataclass(frozen=True)
class Subnet:
    """A /24 that is the lab's own while `lock` is open."""

    number: int
    network: ipaddress.IPv4Network
    lock: IO[str]

    @property
    def bridge(self) -> str:
        return f"bn{self.number}"

    @property
    def gateway(self) -> str:
        """The address of this end of the bridge: the mirror's."""
        return str(self.network[1])

    def address(self, index: int) -> str:
        """The address of machine `index`, counted from 0."""
        return str(self.network[10 + index])


def take_subnet(number: int) -> Subnet | None:
    """The /24 of this number of BASTIDE_NODES_NETWORK (default 10.213.0.0/16); None where it is held."""
    whole = ipaddress.IPv4Network(os.environ.get("BASTIDE_NODES_NETWORK", "10.213.0.0/16"))
    lock = hold(RUNTIME / ".subnets" / str(number))
    network = ipaddress.IPv4Network((int(whole.network_address) + 256 * number, 24))
    return Subnet(number, network, lock) if lock else None


def first_subnet() -> Subnet:
    """The first /24 that no lab holds."""
    for number in range(256):
        if subnet := take_subnet(number):
            return subnet
    raise LabError("every subnet is taken by a lab: `python -m tests.support.nodes list`")
