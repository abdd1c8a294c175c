"""Finding personal data and secrets in a text: Presidio's recognizers by pattern and checksum, no model.

Presidio's own loop over patterns skips a pattern that takes too long, so what it would have found gets away.
Here `TimeoutError` reaches the caller, who refuses the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import regex
import tldextract
from presidio_analyzer import Pattern, PatternRecognizer, predefined_recognizers
from presidio_analyzer.predefined_recognizers import IbanRecognizer, PhoneRecognizer

from bastide_guard.entities import EMAIL, PRESIDIO, SECRET, SECRETS
from bastide_guard.policy import Masking, MaskPattern

tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
"""The list of public suffixes in the package: by default the first look-up would fetch one."""

SECONDS: Final = 1.0
"""The longest that one pattern may take on one text."""

THRESHOLD: Final = 0.4
"""Matches that score less count only near a word of context, as in Presidio."""

NEAR: Final = 64
"""Characters before a match in which a word of context is looked for; half as many after it."""

PHONE_LIKE: Final = regex.compile(
    r"(?<!\w)(?:(?:\d[ \t\xa0().\-/]{0,3})?\d{2,}(?:[ \t\xa0().\-/]{0,3}\d{2,}){1,9}|\d{7,})"
)
NOT_A_PHONE: Final = regex.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d(?: \d\d)?|(?:\d{1,3}\.){3}\d{1,3}")
PHONE_MARGIN: Final = 4
PHONE_DIGITS: Final = 7


@dataclass(frozen=True)
class Span:
    """A part of a text that must not leave."""

    start: int
    end: int
    entity: str
    score: float


Finder: TypeAlias = Callable[[str], Iterator[Span]]


@lru_cache(maxsize=512)
def finders(masking: Masking) -> tuple[Finder, ...]:
    """What finds all that a tenant's rules name. Raises `ValueError` where a name or pattern is not known."""
    return (
        *(_of_entity(entity) for entity in dict.fromkeys(masking.entities)),
        *(_by_patterns(_own(pattern)) for pattern in masking.patterns),
    )


def find(text: str, using: Iterable[Finder]) -> list[Span]:
    """What was found, in order: matches that overlap become one, named as the best of them."""
    found = sorted(
        (span for finder in using for span in finder(text)), key=lambda span: (span.start, -span.end)
    )
    merged: list[Span] = []
    for span in found:
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            best = max(last, span, key=lambda each: (each.score, each.end - each.start))
            merged[-1] = Span(last.start, max(last.end, span.end), best.entity, best.score)
        else:
            merged.append(span)
    return merged


@lru_cache(maxsize=128)
def _of_entity(entity: str) -> Finder:
    if entity == SECRET:
        patterns = [Pattern(name, expression, 0.9) for name, expression in SECRETS.items()]
        return _by_patterns(PatternRecognizer(SECRET, patterns=patterns, global_regex_flags=0))
    if entity == "PHONE_NUMBER":
        return _phones(PhoneRecognizer())
    if entity == "EMAIL_ADDRESS":
        return _by_patterns(PatternRecognizer(entity, patterns=[Pattern("address", EMAIL, 0.9)]))
    if entity == "IBAN_CODE":
        return _by_itself(IbanRecognizer())
    if entity not in PRESIDIO:
        raise ValueError(f"no entity {entity!r}")
    return _by_patterns(getattr(predefined_recognizers, PRESIDIO[entity])())


def _own(pattern: MaskPattern) -> Any:
    entity = pattern.name.upper().replace("-", "_")
    return PatternRecognizer(entity, patterns=[Pattern(entity, pattern.regex, 0.9)], global_regex_flags=0)


def _by_patterns(recognizer: Any) -> Finder:
    """Presidio's patterns and checks of a recognizer, without its explanations and its leniency."""
    entity = recognizer.supported_entities[0]
    flags = recognizer.global_regex_flags
    patterns = [(regex.compile(each.regex, flags), each.score) for each in recognizer.patterns]
    context = _context(recognizer.context)

    def finder(text: str) -> Iterator[Span]:
        for pattern, score in patterns:
            group = "value" if "value" in pattern.groupindex else 0
            for match in list(pattern.finditer(text, timeout=SECONDS)):  # its clock runs between matches too
                start, end = match.span(group)
                if end > start and _counts(recognizer, match, group, score, context):
                    yield Span(start, end, entity, score)

    return finder


def _counts(
    recognizer: Any, match: Any, group: str | int, score: float, context: regex.Pattern[str] | None
) -> bool:
    valid = recognizer.validate_result(match[group])
    if valid is False or recognizer.invalidate_result(match[group]):
        return False
    if valid or score >= THRESHOLD:
        return True
    near = max(0, match.start() - NEAR), match.end() + NEAR // 2
    return bool(context and context.search(match.string, *near, timeout=SECONDS))


def _context(words: Iterable[str] | None) -> regex.Pattern[str] | None:
    """Whole words, any case."""
    listed = [regex.escape(word) for word in words or ()]
    return regex.compile(rf"(?<!\w)(?:{'|'.join(listed)})(?!\w)", regex.IGNORECASE) if listed else None


def _by_itself(recognizer: Any) -> Finder:
    """A recognizer with its own way of matching, which takes time proportional to the text."""
    entity = recognizer.supported_entities[0]

    def finder(text: str) -> Iterator[Span]:
        for each in recognizer.analyze(text, [entity]):
            yield Span(each.start, each.end, entity, each.score)

    return finder


def _phones(recognizer: Any) -> Finder:
    """The numbering plans of Presidio's eight regions are asked only about what looks like a number."""
    entity = recognizer.supported_entities[0]

    def finder(text: str) -> Iterator[Span]:
        reach = 0
        for match in list(PHONE_LIKE.finditer(text, timeout=SECONDS)):
            begin, end = max(reach, match.start() - PHONE_MARGIN), match.end() + PHONE_MARGIN
            reach = match.end()
            if sum(map(str.isdigit, match[0])) < PHONE_DIGITS or NOT_A_PHONE.fullmatch(match[0]):
                continue
            for each in recognizer.analyze(text[begin:end], [entity]):
                yield Span(begin + each.start, begin + each.end, entity, each.score)

    return finder
