"""Recognizing prompts that try to turn a model against its operators: heuristics, so a net with holes."""

from __future__ import annotations

import base64
import html
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import unquote

import regex
import yaml

SECONDS: Final = 1.0
"""The longest that one pattern may take on one text."""

DEPTH: Final = 2
"""Encodings within encodings that are undone."""

_INVISIBLE = regex.compile(r"[\p{Cf}\p{Mn}\p{Variation_Selector}\u115f\u1160\u3164\uffa0]+")
_LOOK_ALIKES: Final = str.maketrans(
    "абвгеёзікмнорстухуѕјԁԛԝɡɩοαεικνρτυχ’‘", "abbreeзikmhopctyxysjdqwgioaeikvptux''"
)
_LEET: Final = str.maketrans("013457@$!|", "oieastasil")
_LEET_WORD = regex.compile(r"[a-z013457@$!|]*(?:[a-z][013457@$!|]|[013457@$!|][a-z])[a-z013457@$!|]*")
_TELLING = regex.compile(
    r"ignor|disreg|forg|previ|prior|instruc|rules|prompt|system|jail|unrestr|bypass|reveal|mode"
)
_SPACED = regex.compile(r"(?<!\w)\w(?:[ .\-_*·]\w(?!\w)){5,}")
_BASE64 = regex.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_STANDARD_BASE64: Final = str.maketrans("-_", "+/")
_WRAPPED = regex.compile(r"(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/=])")
_HEX = regex.compile(r"(?:[0-9a-fA-F]{2}[ :]?){16,}|(?:\\x[0-9a-fA-F]{2}){4,}")
_ESCAPE = regex.compile(r"\\u([0-9a-fA-F]{4})")
_GAP: Final = r"(?:[^\w<\[#]|_){1,8}"


def fold(text: str) -> str:
    """Lower case, without accents, invisible characters and look-alikes; single spaces, line ends kept."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKD", text))
    text = text.casefold()
    if not text.isascii():
        text = text.translate(_LOOK_ALIKES)
    return str(regex.sub(r"[^\S\n]+", " ", text))


def suspect(text: str) -> str | None:
    """The name of the first rule that a text breaks, in plain or in disguise. Raises `TimeoutError`."""
    for reading in _readings(text, DEPTH):
        folded = fold(reading)
        name = _broken(folded, tight=False) or _broken_when_joined(folded)
        if name is None and (plain := _without_leet(folded)):
            name = _broken(plain, tight=False)
        if name:
            return name
    return None


def _readings(text: str, depth: int) -> Iterator[str]:
    """The text as it stands, and what it holds in encoded form."""
    yield text
    if depth == 0:
        return
    for decoded in _decoded(text):
        yield from _readings(decoded, depth - 1)


def _decoded(text: str) -> Iterator[str]:
    if "%" in text and (plain := unquote(text)) != text:
        yield plain
    if "&" in text and (plain := html.unescape(text)) != text:
        yield plain
    if "\\u" in text:
        yield _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    for match in _HEX.finditer(text, timeout=SECONDS):
        digits = regex.sub(r"[^0-9a-fA-F]", "", match[0].replace("\\x", ""))
        yield from _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))
    for match in _BASE64.finditer(_WRAPPED.sub("", text), timeout=SECONDS):
        data = match[0].rstrip("=").translate(_STANDARD_BASE64)
        data = data[:-1] if len(data) % 4 == 1 else data
        yield from _readable(base64.b64decode(data + "=" * (-len(data) % 4)))


def _readable(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", "ignore")
    if len(text) >= 12 and sum(each.isprintable() or each.isspace() for each in text) >= 0.9 * len(data):
        yield text


def _without_leet(folded: str) -> str | None:
    """The text with letters for digits, if that makes a word that a rule is about."""
    words = (match[0] for match in _LEET_WORD.finditer(folded, timeout=SECONDS))
    return folded.translate(_LEET) if any(_TELLING.search(word.translate(_LEET)) for word in words) else None


def _broken_when_joined(folded: str) -> str | None:
    """Rules broken by words whose letters stand apart, such as `i g n o r e`."""
    joined = [regex.sub(r"[\W_]", "", match[0]) for match in _SPACED.finditer(folded, timeout=SECONDS)]
    return _broken("".join(joined), tight=True) if joined else None


def _broken(folded: str, *, tight: bool) -> str | None:
    return next((name for name, pattern in _patterns(tight) if pattern.search(folded, timeout=SECONDS)), None)


@cache
def rules() -> tuple[tuple[str, str], ...]:
    """Names and patterns, as in injections.yaml."""
    loaded: Iterable[Any] = yaml.safe_load(files(__package__).joinpath("injections.yaml").read_text("utf-8"))
    return tuple((rule["name"], rule["pattern"]) for rule in loaded)


@cache
def _patterns(tight: bool) -> tuple[tuple[str, Any], ...]:
    """Compiled; `tight` ones are for words that run together."""
    return tuple((name, regex.compile(_with_gaps(pattern, tight))) for name, pattern in rules())


def _with_gaps(pattern: str, tight: bool) -> str:
    if tight:
        pattern = pattern.replace(r" \w+", r"\w{0,12}?").replace(r"\b", "")
    gap = "" if tight else _GAP
    return str(regex.sub(r"(?<!\[) (?![?\]:])", lambda _: gap, pattern))
