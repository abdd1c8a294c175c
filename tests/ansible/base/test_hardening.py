"""The page of the hardening says what the role's data says."""

from __future__ import annotations

from tests.ansible.base.hardening import PAGE, SCOPES, page, read


def test_the_page_is_made_from_the_data() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read()), "python -m tests.ansible.base.hardening"


def test_every_exception_has_a_reason_and_is_named_once() -> None:
    groups = read()["exceptions"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(set(rules)) > 0
    assert all(group["scope"] in SCOPES and len(group["reason"]) > 15 for group in groups)


def test_published_figures_reach_the_aims() -> None:
    data = read()
    assert data["lynis"]["after"] >= data["lynis"]["aim"] > data["lynis"]["before"]
    figures, excepted = data["openscap"]["after"], sum(len(group["rules"]) for group in data["exceptions"])
    asked = figures["passed"] + figures["failed"] - excepted
    assert 100 * figures["passed"] / asked >= data["openscap"]["aim"]
