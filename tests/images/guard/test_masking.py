"""What must not leave is found and replaced, and nothing else."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bastide_guard import recognizers
from bastide_guard.entities import PRESIDIO, SUPPORTED
from bastide_guard.masking import mask
from bastide_guard.policy import Masking, MaskPattern
from tests.images.guard.samples import policy

CASES: list[dict[str, str]] = yaml.safe_load((Path(__file__).parent / "masking.yaml").read_text())
RULES = policy().masking


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:30])
def test_texts(case: dict[str, str]) -> None:
    assert mask([case["text"]], RULES).texts == (case["masked"],)


def test_placeholders_are_the_same_in_all_texts_of_a_call() -> None:
    masked = mask(["a@x.io", "b@x.io", "again a@x.io"], RULES)
    assert masked.texts == ("<EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_2>", "again <EMAIL_ADDRESS_1>")
    assert masked.counts == {"EMAIL_ADDRESS": 2}
    assert masked.total == 2


@given(before=st.text(alphabet=st.characters(exclude_categories=["Cs"])), after=st.text())
def test_whatever_is_around_an_address_it_goes(before: str, after: str) -> None:
    masked = mask([f"{before} carol@example.com {after}"], RULES).texts[0]
    assert "carol@example.com" not in masked
    assert "<EMAIL_ADDRESS_" in masked


@given(st.text(alphabet="abcdefghij äöü漢字🙂\n\t.,;!?", max_size=200))
def test_text_without_anything_personal_stays(text: str) -> None:
    assert mask([text], RULES).texts == (text,)


@pytest.mark.parametrize("entity", sorted(SUPPORTED))
def test_every_entity_has_its_recognizer(entity: str) -> None:
    only = Masking(entities=(entity,))
    assert mask(["nothing to see"], only).total == 0
    if entity in PRESIDIO:
        recognizer = getattr(recognizers.predefined_recognizers, PRESIDIO[entity])()
        assert recognizer.supported_entities == [entity]


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("UK_NHS", "NHS 943 476 5919"),
        ("ES_NIF", "NIF 12345678Z"),
        ("PL_PESEL", "PESEL 44051401359"),
        ("IT_FISCAL_CODE", "RSSMRA85T10A562S"),
        ("SG_NRIC_FIN", "NRIC S1234567D"),
        ("FI_PERSONAL_IDENTITY_CODE", "hetu 131052-308T"),
        ("CRYPTO", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
        ("US_ITIN", "ITIN 911-70-1234"),
        ("MAC_ADDRESS", "00:1a:2b:3c:4d:5e"),
        ("IN_AADHAAR", "aadhaar 2345 6789 0124"),
    ],
)
def test_national_ids(entity: str, text: str) -> None:
    assert mask([text], Masking(entities=(entity,))).counts == {entity: 1}


def test_nothing_reaches_for_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    everything = Masking(entities=tuple(sorted(SUPPORTED)))
    assert mask(["dave@example.com http://example.co.uk/x"], everything).total >= 2


def test_a_pattern_that_takes_too_long_stops_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizers, "SECONDS", 0.05)
    slow = Masking(entities=(), patterns=(MaskPattern(name="slow", regex="(?:a|aa)+$"),))
    with pytest.raises(TimeoutError):
        mask(["a" * 60 + "!"], slow)


@pytest.mark.parametrize(
    "text", ["a'" * 16000, "a@" * 16000, "1 1 " * 8000, "passwo" * 5000, "-----BEGIN " * 3000]
)
def test_hostile_texts_take_no_longer_than_others(text: str) -> None:
    begun = time.process_time()
    mask([text], RULES)
    assert time.process_time() - begun < 2
