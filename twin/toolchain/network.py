"""The only door to the network, apart from Go's and Python's own package managers."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from twin.errors import TwinError

OFFLINE: Final = "BASTIDE_OFFLINE"
_REACH: Final = 3.0
_PATIENCE: Final = 60.0
_CHUNK: Final = 1 << 18


def offline(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the user forbids the network."""
    return environ.get(OFFLINE, "") not in ("", "0")


def refuse_offline(what: str, environ: Mapping[str, str] = os.environ) -> None:
    """Raise `TwinError`, naming `what` reaches out, where the user forbids the network."""
    if offline(environ):
        raise TwinError(
            f"{what} needs the network, and {OFFLINE} forbids it",
            "name a folder with fitting tools in BASTIDE_TOOLS, fill the cache on a machine with network, "
            f"or unset {OFFLINE}",
        )


@cache
def reachable(origin: str) -> bool:
    """Whether `origin` (scheme and host) answers at all in three seconds; asked once a run."""
    request = urllib.request.Request(origin, method="HEAD")  # noqa: S310 - as below
    try:
        with urllib.request.urlopen(request, timeout=_REACH):  # noqa: S310 - URLs come from our own table
            return True
    except urllib.error.HTTPError as error:
        # A proxy that refuses answers 403 or 407; any other answer comes from the host itself.
        return error.code not in (403, 407)
    except OSError:
        return False


def origin(url: str) -> str:
    """Scheme and host of `url`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def fetch(url: str, target: Path, tell: Callable[[int, int], None]) -> None:
    """Download `url` to `target`; `tell` gets bytes so far and in all (0: unknown). Raises `OSError`."""
    refuse_offline(f"the download of {url}")
    with (
        urllib.request.urlopen(url, timeout=_PATIENCE) as answer,  # noqa: S310 - URLs come from our own table
        target.open("wb") as file,
    ):
        total = int(answer.headers.get("Content-Length") or 0)
        so_far = 0
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            so_far += len(chunk)
            tell(so_far, total)
    if total and so_far != total:
        raise OSError(f"{url}: ended after {so_far} of {total} bytes")
