"""Every rule against its own cases, and with parts of them unknown."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from policies.objects import token
from policies.registry import folder, rules
from policies.rule import Planned, Rule
from policies.unknown import UNKNOWN, partial

pytestmark = pytest.mark.usefixtures("pinned")

RULES = rules()
OBJECT_RULES = [rule for rule in RULES if rule.check]
PREVIEWED = [rule for rule in OBJECT_RULES if rule.id != "exceptions-valid"]  # a file's data are all known
PATCHED = [rule for rule in PREVIEWED if rule.id != "no-opaque-releases"]


def cases(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder(rule) / "cases.yaml").read_text())
    return found


def judge(rule: Rule, case: Any) -> list[str]:
    """A case's messages; a case is an object, or holds a `stack` of objects."""
    if rule.check_stack:
        return [message for _, message in rule.check_stack(planned(case["stack"]))]
    assert rule.check
    wanted = {tuple(kind.rsplit("/", 1)) for kind in rule.kinds}
    return list(rule.check(case)) if (case["apiVersion"], case["kind"]) in wanted else []


def planned(stack: list[dict[str, Any]]) -> list[Planned]:
    return [
        Planned(type=token(f"{one['apiVersion']}/{one['kind']}"), urn=f"urn:{index}", props=one)
        for index, one in enumerate(stack)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_cases(rule: Rule) -> None:
    own = cases(rule)
    assert set(own) - {"params"} == {"allowed", "denied"}
    assert min(len(own["allowed"]), len(own["denied"])) >= 2, "at least two cases of each verdict"
    for case in own["allowed"]:
        assert judge(rule, case) == []
    for case in own["denied"]:
        messages = judge(rule, case if rule.check_stack else case["object"])
        assert messages == case["messages"]
        assert messages, "a denied case needs a message"
        assert set(case) <= {"object", "stack", "messages", "api"}


@pytest.mark.parametrize("rule", PREVIEWED, ids=lambda rule: rule.id)
def test_an_unknown_part_is_never_a_violation(rule: Rule) -> None:
    tried = 0
    for case in cases(rule)["allowed"]:
        for variant in _with_unknowns(case):
            assert judge(rule, variant) == []
            tried += 1
    assert tried


@pytest.mark.parametrize("rule", PREVIEWED, ids=lambda rule: rule.id)
def test_an_unknown_part_hides_no_other(rule: Rule) -> None:
    for case in cases(rule)["denied"]:
        obj = {**case["object"], "status": UNKNOWN}
        assert judge(rule, obj) == case["messages"]


@pytest.mark.parametrize("rule", PATCHED, ids=lambda rule: rule.id)
def test_a_patch_is_judged_by_what_it_says(rule: Rule) -> None:
    kind = rule.kinds[0].rsplit("/", 1)
    assert rule.check
    assert (
        list(rule.check(partial({"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "x"}}))) == []
    )


def _with_unknowns(obj: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object once for each of its parts, with that part unknown."""
    for path in _paths(obj, ()):
        if path[0] in ("apiVersion", "kind"):
            continue
        variant = deepcopy(obj)
        parent: Any = variant
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = UNKNOWN
        yield variant


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))
