"""The ports of one twin: a given block, or free ones that are remembered from the first start on."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from twin.errors import TwinError
from twin.files import write
from twin.settings import TwinSettings

HOST: Final = "127.0.0.1"
# Below the usual ephemeral ports (32768 up on Linux): no outgoing connection borrows a remembered one.
_FREE: Final = range(20000, 32000)
_ATTEMPTS: Final = 500
_RELEASED_WITHIN: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One TCP port per listener, all on loopback."""

    apiserver: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int
    kwok: int


_NAMES: Final = tuple(field.name for field in fields(Ports))


def ports_for(settings: TwinSettings) -> Ports:
    """The ports given by `settings.port`, else the remembered ones, else free ones; then remembered.

    Raises `TwinError` for a block outside of 1024 to 65535 and for a damaged `ports.json`.
    """
    path = settings.home / "ports.json"
    if settings.port:
        ports = _block(settings.port)
    elif path.exists():
        return _remembered(path)
    else:
        ports = _choose()
    write(path, json.dumps(asdict(ports), indent=2) + "\n")
    return ports


def remembered_ports(settings: TwinSettings) -> Ports | None:
    """The ports of the last start; None before the first."""
    path = settings.home / "ports.json"
    return _remembered(path) if path.exists() else None


def refuse_taken(ports: Mapping[str, int]) -> None:
    """Raise `TwinError` where another process listens on one of `ports`, which are given by name.

    A killed process may hold its sockets for a moment after it is dead; that moment is waited for.
    """
    deadline = time.monotonic() + _RELEASED_WITHIN
    for name, port in ports.items():
        while not (free := _free(port)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not free:
            raise TwinError(
                f"port {port} on {HOST}, which the twin uses for {name}, is taken by another process",
                f"stop that process (`ss -ltnp 'sport = :{port}'` names it), or give the twin other ports: "
                "set BASTIDE_PORT to the first of six free ones",
            )


def _block(first: int) -> Ports:
    if not 1024 <= first <= 65535 - len(_NAMES):
        raise TwinError(
            f"BASTIDE_PORT={first}: the twin takes {len(_NAMES)} ports from this one on",
            f"choose a number from 1024 to {65535 - len(_NAMES)}",
        )
    return Ports(**{name: first + index for index, name in enumerate(_NAMES)})


def _remembered(path: Path) -> Ports:
    try:
        return Ports(**{name: int(port) for name, port in json.loads(path.read_text()).items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise TwinError(
            f"{path}: expected a JSON object with the ports {', '.join(_NAMES)}: {error}",
            "delete this file; the next start chooses free ports",
        ) from error


def _choose() -> Ports:
    found: list[int] = []
    for _ in range(_ATTEMPTS):
        port = secrets.choice(_FREE)
        if port not in found and _free(port):
            found.append(port)
        if len(found) == len(_NAMES):
            return Ports(**dict(zip(_NAMES, found, strict=True)))
    raise TwinError(
        f"no {len(_NAMES)} free ports found between {_FREE.start} and {_FREE.stop}",
        "set BASTIDE_PORT to the first of a block of free ports",
    )


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
