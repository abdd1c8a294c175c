"""Records against metrics: both count the same calls, so their tokens must agree.

The metric is the AI gateway's `gen_ai.client.token.usage`, as its processor beside each proxy gives it.
Source: https://aigateway.envoyproxy.io/docs/capabilities/observability/metrics/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx2 as httpx

from cli.outcome import CliError, Exit
from cli.usage.ledger import Ledger

SECONDS: Final = 30
_SAMPLE = re.compile(
    r"gen_ai_client_token_usage(?:_token)?_sum\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\}\s+(\S+)(?:\s+\S+)?"
)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
KINDS: Final = ("input", "cached_input", "output")

Tokens: TypeAlias = dict[tuple[str, str], int]
"""Tokens by the provider's name of the model and by kind."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Tokens of one kind of one model, as the records and as the metrics have them."""

    model: str
    kind: str
    records: int
    metrics: int
    agrees: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "difference": self.records - self.metrics}


def reconcile(ledger: Ledger, places: Iterable[str], tolerance: Decimal) -> list[Difference]:
    """All models and kinds of tokens, compared; they agree within `tolerance` percent of the larger one."""
    measured: Tokens = {}
    for place in places:
        for pair, tokens in samples(read(place), place):
            measured[pair] = measured.get(pair, 0) + tokens
    recorded = _recorded(ledger)
    return [
        _compared(pair, recorded.get(pair, 0), measured.get(pair, 0), tolerance)
        for pair in sorted(recorded.keys() | measured.keys())
    ]


def read(place: str) -> str:
    """The text of a file or of an address. Raises `CliError` where there is none."""
    try:
        if not place.startswith(("http://", "https://")):
            return Path(place).read_text()
        answer = httpx.get(place, timeout=SECONDS, trust_env=False)
        answer.raise_for_status()
        return answer.text
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(Exit.USAGE, f"no metrics are in {place}: {error}", "name a readable file") from error
    except httpx.HTTPError as error:
        message = f"{place} gives no metrics: {error}"
        raise CliError(Exit.UNREACHABLE, message, "is it the metrics port of a proxy's pod?") from error


def samples(text: str, place: str) -> Iterator[tuple[tuple[str, str], int]]:
    """The token counts in a Prometheus exposition. Raises `CliError` where it has none.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    found = False
    for line in text.splitlines():
        if not (match := _SAMPLE.fullmatch(line.strip())):
            continue
        found = True
        labels = dict(_LABEL.findall(match[1]))
        kind = labels.get("gen_ai_token_type", "")
        model = re.sub(r"\\.", lambda m: _ESCAPED.get(m[0], m[0]), labels.get("gen_ai_request_model", ""))
        if kind in KINDS:
            yield (model, kind), _tokens(match[2], place)
    if not found and "gen_ai_client_token_usage" not in text and text.strip():
        message = f"{place} has no metric gen_ai_client_token_usage"
        raise CliError(Exit.USAGE, message, "it is told by the AI gateway's processor, on each proxy's pod")


def _tokens(text: str, place: str) -> int:
    try:
        value = Decimal(text)
        return int(value)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise CliError(Exit.USAGE, f"{place}: {text!r} is no count of tokens", "get it again") from error


def _recorded(ledger: Ledger) -> Tokens:
    recorded: Tokens = {}
    for key, sums in ledger.sums.items():
        if key.provider:
            counts = (sums.fresh + sums.cached, sums.cached, sums.output)
            for kind, tokens in zip(KINDS, counts, strict=True):
                if tokens:
                    pair = (key.served, kind)
                    recorded[pair] = recorded.get(pair, 0) + tokens
    return recorded


def _compared(pair: tuple[str, str], records: int, metrics: int, tolerance: Decimal) -> Difference:
    allowed = tolerance * max(records, metrics) / 100
    return Difference(
        model=pair[0],
        kind=pair[1],
        records=records,
        metrics=metrics,
        agrees=abs(records - metrics) <= allowed,
    )
