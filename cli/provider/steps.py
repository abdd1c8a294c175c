"""The steps of a provider's life as edits of the stack file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from cli.provider.stackfile import Change, StackFile
from cli.provider.yamledit import REMOVED, Edit
from components.model.document import Path_
from components.model.errors import ConfigError, ConfigProblem

ADMITTED: Final = "admitted"
DEGRADED: Final = "degraded"
EXITING: Final = "exiting"
GONE: Final = "gone"
BEFORE: Final[Mapping[str, Sequence[str]]] = {
    ADMITTED: ("proposed", DEGRADED),
    DEGRADED: (ADMITTED,),
    EXITING: (ADMITTED, DEGRADED),
    GONE: (EXITING,),
}
"""From which states each state is reached."""
_MENDS: Final = {
    "proposed": "Admit it first with `bastide provider admit {}`.",
    ADMITTED: "Let it exit first with `bastide provider exit {}`.",
    DEGRADED: "Let it exit first with `bastide provider exit {}`.",
    EXITING: "Finish its exit with `bastide provider exit {} --finish`.",
    GONE: "It is gone for good: declare it anew, as proposed.",
}


@dataclass(frozen=True)
class Drain:
    """Edits that take a provider out of all models, and what stands against it."""

    edits: list[Edit]
    problems: list[ConfigProblem]


def state_of(provider: Mapping[str, Any]) -> str:
    """The state that the stack file has; empty where it has none."""
    lifecycle = provider.get("lifecycle")
    return str(lifecycle.get("state", "")) if isinstance(lifecycle, dict) else ""


def step(file: StackFile, name: str, state: str, today: date, *, drain: bool = False) -> Change:
    """The provider in its next state, as of today; with `drain` it is taken out of all models.

    Raises `ConfigError` with all that is against it: its own state, and whatever the rules on the whole
    configuration say of the result.
    """
    index, provider = file.provider(name)
    at: Path_ = ("providers", index, "lifecycle")
    problems = list(_order(file, name, at, state_of(provider), state))
    edits = [Edit((*at, "state"), state), Edit((*at, "since"), today.isoformat())]
    if state == EXITING:
        drained = _drain(file, name) if drain else Drain([], list(_served(file, name)))
        edits += drained.edits
        problems += drained.problems
    if any(file.document.node(("config", "bastide:gateway", *edit.path)) is None for edit in edits):
        raise ConfigError(Change(file, file.text, file.document.data["config"]).problems())
    change = file.change(edits)
    known = tuple(problem.path for problem in problems)
    problems += [problem for problem in change.problems() if not problem.path.startswith(known)]
    if problems:
        raise ConfigError(problems)
    return change


def _order(file: StackFile, name: str, at: Path_, now: str, wanted: str) -> Iterator[ConfigProblem]:
    if now not in BEFORE[wanted]:
        rule = f"must be {' or '.join(BEFORE[wanted])} before it is {wanted}"
        mend = _MENDS.get(now, "Write the state that it has.").format(name)
        yield file.problem((*at, "state"), now, rule, mend)


def _servings(file: StackFile, name: str) -> Iterator[tuple[int, list[int], list[dict[str, Any]]]]:
    """Models that name the provider: the model's index, those of the servings, and all its servings."""
    for i, model in enumerate(file.listed("models")):
        held = model.get("serving")
        servings = [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []
        mine = [j for j, each in enumerate(servings) if each.get("provider") == name]
        if mine:
            yield i, mine, servings


def _served(file: StackFile, name: str) -> Iterator[ConfigProblem]:
    for i, mine, _ in _servings(file, name):
        for j in mine:
            path: Path_ = ("models", i, "serving", j, "provider")
            rule = "must not name a provider that exits"
            mend = "Take it out, or add `--drain`, which does so and shares its weight among the others."
            yield file.problem(path, name, rule, mend)


def _drain(file: StackFile, name: str) -> Drain:
    edits: list[Edit] = []
    problems: list[ConfigProblem] = []
    for i, mine, servings in _servings(file, name):
        path: Path_ = ("models", i, "serving")
        rest = [j for j in range(len(servings)) if j not in mine]
        if not rest:
            rule = "must name another provider: nobody else serves the model"
            problems.append(file.problem(path, name, rule, "Add one, or remove the model."))
            continue
        edits += [Edit((*path, j), REMOVED) for j in mine]
        held = [servings[j].get("weight") for j in rest]
        for j, weight in zip(
            rest, shares(each if isinstance(each, int) else 0 for each in held), strict=True
        ):
            if servings[j].get("weight") != weight:
                edits.append(Edit((*path, j, "weight"), weight))
    return Drain(edits, problems)


def shares(weights: Iterable[int]) -> list[int]:
    """The weights in the same proportion with a sum of 100, by largest remainder; of zeros, equal ones."""
    held = list(weights)
    if not sum(held):
        held = [1] * len(held)
    whole = sum(held)
    made = [100 * weight // whole for weight in held]
    by_remainder = sorted(range(len(held)), key=lambda i: (-(100 * held[i] % whole), i))
    for i in by_remainder[: 100 - sum(made)]:
        made[i] += 1
    return made
