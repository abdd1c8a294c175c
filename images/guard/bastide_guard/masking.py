"""Replacing what must not leave by placeholders that stay the same within a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from presidio_anonymizer import AnonymizerEngine, OperatorConfig, RecognizerResult
from presidio_anonymizer.operators import Operator, OperatorType

from bastide_guard.memory import Memory
from bastide_guard.policy import Masking
from bastide_guard.recognizers import Span, find, finders


@dataclass(frozen=True)
class Masked:
    """Texts as they may leave, and how many values of each entity were replaced."""

    texts: tuple[str, ...]
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """Different values that were replaced."""
        return sum(self.counts.values())


class Placeholder(Operator):  # type: ignore[misc]  # presidio_anonymizer is not typed
    """Presidio's operator that looks a value's placeholder up."""

    def operate(self, text: str, params: dict[str, Any] | None = None) -> str:
        """The placeholder of `text`."""
        known: dict[tuple[str, str], str] = (params or {})["known"]
        return known[(params or {})["entity_type"], text]

    def validate(self, params: dict[str, Any] | None = None) -> None:
        """Nothing to check: the parameters are ours."""

    def operator_name(self) -> str:
        """As in `OperatorConfig`."""
        return "placeholder"

    def operator_type(self) -> OperatorType:
        """It anonymizes."""
        return OperatorType.Anonymize


def _engine() -> Any:
    engine = AnonymizerEngine()
    engine.add_anonymizer(Placeholder)
    return engine


ENGINE = _engine()


@lru_cache(maxsize=256)
def _memory(masking: Masking) -> Memory[list[Span]]:
    """What a tenant's rules find, remembered apart from other tenants'."""
    using = finders(masking)
    return Memory(lambda text: find(text, using))


def mask(texts: Sequence[str], masking: Masking) -> Masked:
    """Texts with placeholders such as `<EMAIL_ADDRESS_1>`: the same value has the same one in all of them.

    Raises `TimeoutError` where a pattern takes too long.
    """
    spans_of = _memory(masking)
    known: dict[tuple[str, str], str] = {}
    counts: Counter[str] = Counter()
    config = {"DEFAULT": OperatorConfig("placeholder", {"known": known})}
    done = []
    for text in texts:
        spans = spans_of(text)
        for span in spans:
            value = (span.entity, text[span.start : span.end])
            if value not in known:
                counts[span.entity] += 1
                known[value] = f"<{span.entity}_{counts[span.entity]}>"
        results = [RecognizerResult(span.entity, span.start, span.end, span.score) for span in spans]
        done.append(
            ENGINE.anonymize(text, results, config, merge_entities_with_spaces=False).text if spans else text
        )
    return Masked(tuple(done), dict(counts))
