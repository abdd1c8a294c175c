"""Lines as the gateway's proxies write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components import naming
from components.gateway.values.audit import FIELDS, KIND

ADA = naming.client("acme", "coding", "research", "ada", "ada-laptop")
BOB = naming.client("acme", "office", "support", "bob", "desk")
AGENT = naming.spiffe("twin.example", "acme-support-agents", "agent")
_OF_PROVIDERS = (
    *("backend", "backend_model", "response_model", "input_tokens", "cached_input_tokens"),
    *("output_tokens", "total_tokens", "cost"),
)


def call(**given: Any) -> str:
    """The record of an answered call of ada's, of 1000 tokens in (400 from the cache) and 500 out."""
    record = dict.fromkeys(FIELDS) | {
        "kind": KIND,
        "time": "2026-11-03T10:00:00.123Z",
        "host": "acme.keys.ai.twin.example",
        "client": ADA,
        "model": "chat",
        "backend": "acme-gateway/halls",
        "backend_model": "qwen3-32b",
        "response_model": "qwen3-32b",
        "input_tokens": 1000,
        "cached_input_tokens": 400,
        "output_tokens": 500,
        "total_tokens": 1500,
        "cost": 5,  # 600 * 0.20 + 400 * 0.05 + 500 * 0.60 = 440 millionths of a euro
        "status": 200,
        "details": "via_upstream",
    }
    assert given.keys() <= record.keys(), "no such field"
    return json.dumps(record | given)


def refused(status: int, details: str, **given: Any) -> str:
    """The record of a call that no provider was asked for."""
    return call(**{**dict.fromkeys(_OF_PROVIDERS), "status": status, "details": details, **given})


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
