"""Values of a YAML file are changed in place: no other byte moves, or nothing is done."""

from __future__ import annotations

from typing import Any

import pytest

from cli.provider.yamledit import REMOVED, Edit, EditError, edited
from components.model.document import Path_, read_text

TEXT = """\
# Größe – 大小 – 📏: characters of every width come before what is edited
config:
  list:   # of mappings
    - {id: a, state: "proposed", weight: 60}   # the first
    # about b
    -   id: b
        state: admitted   # stays
        deep: {since: 2026-06-01, by: 'x'}

    # about c
    - id: c
      state: degraded
      deep:
        since: 2026-06-02
  flow: [{n: 1}, {n: 2},
         {n: 3}]
  last:
    - one
    - two"""


def edit(text: str, *edits: tuple[Path_, Any]) -> str:
    document = read_text("f.yaml", text)
    assert document.problems == []
    return edited(document, text, [Edit(("config", *path), value) for path, value in edits])[0]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("list", 0, "state"), "admitted", '"proposed"', "admitted"),
        (("list", 1, "state"), "degraded", "state: admitted   #", "state: degraded   #"),
        (("list", 1, "deep", "since"), "2027-01-31", "2026-06-01", "2027-01-31"),
        (("list", 2, "deep", "since"), "2027-01-31", "2026-06-02", "2027-01-31"),
        (("list", 0, "weight"), 100, "60", "100"),
        (("flow", 2, "n"), 9, "{n: 3}", "{n: 9}"),
    ],
)
def test_a_value_is_put_in_anothers_place(path: Path_, value: Any, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    assert edit(TEXT, (path, value)) == TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (("list", 0), '    - {id: a, state: "proposed", weight: 60}   # the first\n'),
        (("list", 1), TEXT[TEXT.index("    -   id: b") : TEXT.index("\n    # about c")]),
        (("list", 2), TEXT[TEXT.index("    - id: c") : TEXT.index("  flow:")]),
        (("flow", 0), "{n: 1}, "),
        (("flow", 1), ", {n: 2}"),
        (("flow", 2), ",\n         {n: 3}"),
        (("last", 1), "    - two"),
    ],
)
def test_an_item_goes_and_nothing_else(path: Path_, gone: str) -> None:
    assert TEXT.count(gone) == 1
    assert edit(TEXT, (path, REMOVED)) == TEXT.replace(gone, "")


def test_many_edits_at_once() -> None:
    made = edit(TEXT, (("list", 0), REMOVED), (("list", 2, "state"), "admitted"), (("flow", 1), REMOVED))
    assert read_text("f", made).data["config"]["flow"] == [{"n": 1}, {"n": 3}]
    assert [each["state"] for each in read_text("f", made).data["config"]["list"]] == ["admitted", "admitted"]
    assert "# about b" in made
    assert "📏" in made


def test_line_ends_of_other_systems_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    assert edit(text, (("list", 1, "state"), "degraded")) == text.replace(
        "state: admitted   #", "state: degraded   #"
    )
    gone = '    - {id: a, state: "proposed", weight: 60}   # the first\r\n'
    assert edit(text, (("list", 0), REMOVED)) == text.replace(gone, "")


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("config: {list: [{n: 1}]}", ("list", 1), REMOVED),
        ("config: {list: [{n: 1}]}", ("list", 0), "x"),
        ("config: {list: {n: 1}}", ("list", "n"), REMOVED),
        ("config: {a: b}", ("a",), "b: c"),
        ("config: {a: b}", ("a",), "# c"),
        ("config:\n  list:\n    - - one\n      - two\n", ("list", 0, 0), REMOVED),
        ("config:\n  list:\n    - # note\n      a: 1\n    - b: 2\n", ("list", 0), REMOVED),
        ("config:\n  list:\n    - a: 1\n", ("list", 0), REMOVED),
    ],
)
def test_what_is_not_understood_is_left_alone(text: str, path: Path_, value: Any) -> None:
    with pytest.raises(EditError):
        edit(text, (path, value))
