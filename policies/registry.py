"""All rules: a rule is enrolled by its folder `rules/<family>/<rule>/` with a `rule.py` that sets RULE."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

from policies.rule import Rule

HERE: Final = Path(__file__).resolve().parent
RULES: Final = HERE / "rules"


@cache
def _by_folder() -> dict[Path, Rule]:
    found = {}
    for path in sorted(RULES.glob("*/*/rule.py")):
        module = import_module(".".join(path.relative_to(HERE.parent).with_suffix("").parts))
        rule: Rule = module.RULE
        if rule.id != path.parent.name.replace("_", "-"):
            raise ValueError(f"{path}: rule id {rule.id!r} must be its folder's name, with hyphens")
        found[path.parent] = rule
    return found


def rules() -> list[Rule]:
    """All rules, sorted by id; ids are unique."""
    found = sorted(_by_folder().values(), key=lambda rule: rule.id)
    ids = [rule.id for rule in found]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{RULES}: two rules have one id among {ids}")
    return found


def folder(rule: Rule) -> Path:
    """Where a rule lives, with its `cases.yaml` and `admission.yaml`."""
    return next(path for path, known in _by_folder().items() if known.id == rule.id)
