"""Where records come from: files, folders, standard input, or the logs of the running proxies."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

from cli.outcome import CliError, Exit
from components.cluster import ApiError, Cluster, UnreachableError
from components.gateway.values.home import NAMESPACE
from components.gateway.values.proxy import PODS

LINE_MAX: Final = 1_000_000
"""Longest line in bytes: what is longer is read in parts, so that memory stays bounded."""
LOG_SECONDS: Final = 60
"""How long a log may keep silent before it counts as broken off."""
_CONTAINER: Final = "envoy"
_STANDARD_INPUT: Final = "-"


@dataclass(frozen=True)
class Source:
    """A log by name; `open` gives its lines."""

    name: str
    open: Callable[[], AbstractContextManager[Iterator[bytes]]]


def named(places: Iterable[str]) -> list[Source]:
    """The files, folders and `-` that were named; a file that is reached twice is read once.

    Raises `CliError` with every place that is not there.
    """
    found: dict[Path, Source] = {}
    wrong, standard_input = [], []
    for place in places:
        if place == _STANDARD_INPUT:
            standard_input = [Source("standard input", _read_standard_input)]
            continue
        files = _files(Path(place))
        if not files:
            wrong.append(place)
        for path in files:
            found.setdefault(path.resolve(), Source(str(path), partial(_read, path)))
    if wrong:
        message = f"no log is here: {', '.join(wrong)}"
        raise CliError(Exit.USAGE, message, "name files, folders with files, or `-` for standard input")
    return [*found.values(), *standard_input]


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(path for path in place.rglob("*") if path.is_file())
    return [place] if place.exists() else []


@contextmanager
def _read(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield lines(cast(BinaryIO, stream))
    except (OSError, EOFError) as error:
        raise CliError(Exit.FAILED, f"{path}: {error}", "what was read of it is not counted") from error


@contextmanager
def _read_standard_input() -> Iterator[Iterator[bytes]]:
    yield lines(sys.stdin.buffer)


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream, those longer than `LINE_MAX` in parts."""
    return iter(partial(stream.readline, LINE_MAX), b"")


def running(cluster: Cluster) -> list[Source]:
    """The logs of the gateway's running proxies, as far back as their machines keep them.

    Raises `CliError` where there is none.
    """
    selector = ",".join(f"{key}={value}" for key, value in PODS.items())
    pods = cluster.items(f"/api/v1/namespaces/{NAMESPACE}/pods", params={"labelSelector": selector})
    if not pods:
        message = f"no proxy runs in {NAMESPACE}: there are no logs to count"
        raise CliError(Exit.UNREACHABLE, message, "give the records with --from FILE, DIR or -")
    names = sorted(pod["metadata"]["name"] for pod in pods)
    return [Source(f"pod {name}", partial(_log, cluster, name)) for name in names]


@contextmanager
def _log(cluster: Cluster, pod: str) -> Iterator[Iterator[bytes]]:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/log"
    try:
        with cluster.stream(path, {"container": _CONTAINER}, LOG_SECONDS) as told:
            yield (line.encode() for line in told)
    except (ApiError, UnreachableError) as error:
        message = f"no log of the proxy {pod}: {error}"
        mend = "simulated machines keep no logs; give the records with --from FILE, DIR or -"
        raise CliError(Exit.UNREACHABLE, message, mend) from error
