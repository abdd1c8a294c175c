"""One line of a proxy's log as a usage record.

What a record holds is defined by `components.gateway.values.audit.FIELDS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from components.gateway.values.audit import KIND

COUNT_MAX: Final = 2**63 - 1
_HOP: Final = "/ai-eg-mcp-br-"
"""In the routes from the gateway to tool servers: the call that took this way has a record of its own."""
_KIND = KIND.encode()
_DIGITS = re.compile(r"[0-9]{1,19}")
_TIME = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T")


class BrokenRecordError(ValueError):
    """A record that cannot be read: what is wrong with it."""


class Record(NamedTuple):
    """One call of the gateway; what it did not have is empty or 0. `input` holds the cached tokens too."""

    time: str
    """UTC, as ISO 8601 writes it."""
    host: str
    route: str
    """The route that was taken, as `httproute/<namespace>/<name>/...`; empty where none was found."""
    client: str
    model: str
    """What the caller asked for."""
    provider: str
    served: str
    """What the provider calls the model that answered."""
    input: int
    cached: int
    output: int
    counted: bool
    """Whether the gateway learnt how many tokens the call took."""
    cost: int
    """In units of `accounting.unit`, as the gateway counted it."""
    status: int
    reason: str
    """Why a refused call was refused."""


def parse(line: bytes) -> Record | None:
    """The record in a line of a log; None for a line that is none, e.g. one of the proxy's own messages.

    What a container runtime puts before the record is passed over.

    Raises `BrokenRecordError` on a record that was cut off or holds what no gateway writes.
    """
    start = line.find(b"{")
    if start < 0 or (start > 0 and _KIND not in line):
        return None
    try:
        value = json.loads(line[start:])
    except (ValueError, RecursionError) as error:
        raise BrokenRecordError(f"no JSON: {error}") from error
    if not isinstance(value, dict) or value.get("kind") != KIND:
        return None
    return _record(value)


def _record(value: Mapping[str, Any]) -> Record | None:
    get = value.get
    if _HOP in (route := _text(value, "route")):
        return None
    time = get("time")
    if not isinstance(time, str) or not _TIME.match(time):
        raise BrokenRecordError(f"time: {time!r}")
    incoming, cached = _count(value, "input_tokens"), _count(value, "cached_input_tokens")
    status = _count(value, "status")
    return Record(
        time,
        _text(value, "host"),
        route,
        _text(value, "client"),
        _text(value, "model"),
        _provider(_text(value, "backend")),
        _text(value, "backend_model"),
        incoming,
        min(cached, incoming),
        _count(value, "output_tokens"),
        get("total_tokens") is not None,
        _count(value, "cost"),
        status,
        _reason(value) if status >= 400 else "",
    )


def _provider(backend: str) -> str:
    """The provider of `<namespace of the route>/<provider>`, whatever follows."""
    parts = backend.split("/", 2)
    return parts[1] if len(parts) > 1 else backend


def _reason(value: Mapping[str, Any]) -> str:
    """The gateway's own word, else the proxy's, without what differs from call to call."""
    return _text(value, "refusal") or _text(value, "details").partition("{")[0]


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise BrokenRecordError(f"{key}: {found!r} is no text")
    return found


def _count(value: Mapping[str, Any], key: str) -> int:
    found = value.get(key)
    if found is None:
        return 0
    if isinstance(found, str) and _DIGITS.fullmatch(found):
        found = int(found)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= COUNT_MAX:
        raise BrokenRecordError(f"{key}: {found!r} is no count")
    return found
