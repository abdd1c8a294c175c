"""Exceptions as data: the same entries excuse an object in a preview and at admission.

The file is `policies/exceptions.yaml`; BASTIDE_EXCEPTIONS names another. An entry that the rule
`exceptions-valid` refuses, e.g. because it has expired, is a violation by itself and excuses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from policies.objects import metadata, name
from policies.registry import HERE, rules
from policies.rule import Object, Rule
from policies.rules.governance.exceptions_valid.rule import RULE as VALID
from policies.unknown import known

FILE = HERE / "exceptions.yaml"


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A valid exception: objects of `kinds` in `namespace`, named `name` (with `*`: so beginning)."""

    rule: str
    kinds: tuple[str, ...]
    namespace: str
    name: str

    def excuses(self, rule: Rule, obj: Object) -> bool:
        """Whether it excuses an object from a rule; never one whose name or namespace is unknown."""
        kind, named = obj.get("kind"), name(obj)
        namespace = metadata(obj).get("namespace") or ""
        if rule.id != self.rule or not all(map(known, (kind, named, namespace))):
            return False
        return kind in self.kinds and namespace == self.namespace and self._names(str(named))

    def _names(self, name: str) -> bool:
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name

    @property
    def expression(self) -> str:
        """The same in CEL: true for an object that is not excused."""
        name = "object.metadata.?name.orValue('')"
        named = (
            f"{name}.startsWith('{self.name[:-1]}')"
            if self.name.endswith("*")
            else f"{name} == '{self.name}'"
        )
        kinds = ", ".join(f"'{kind}'" for kind in self.kinds)
        where = f"object.metadata.?namespace.orValue('') == '{self.namespace}'"
        return f"!(object.kind in [{kinds}] && {where} && {named})"


@dataclass(frozen=True, kw_only=True)
class Exceptions:
    """What is excused, and what is wrong with the entries that excuse nothing."""

    waivers: tuple[Waiver, ...] = ()
    problems: tuple[str, ...] = ()

    def excuse(self, rule: Rule, obj: Object) -> bool:
        return any(waiver.excuses(rule, obj) for waiver in self.waivers)


def load(path: Path | None = None, today: date | None = None) -> Exceptions:
    """Read the exceptions as they stand on a day (by default: now). A file that is missing holds none."""
    source = path or Path(os.environ.get("BASTIDE_EXCEPTIONS") or FILE)
    try:
        entries = yaml.safe_load(source.read_text()) if source.exists() else []
    except yaml.YAMLError as error:
        return Exceptions(problems=(f"{source}: no valid YAML: {error}",))
    if not isinstance(entries or [], list):
        return Exceptions(problems=(f"{source}: must be a list of exceptions",))
    return _weigh(source, entries or [], (today or date.today()).isoformat())


def _weigh(source: Path, entries: Sequence[Any], today: str) -> Exceptions:
    waivers: list[Waiver] = []
    problems: list[str] = []
    ids = [rule.id for rule in rules()]
    for index, entry in enumerate(entries):
        wrong = list(_check({"exception": entry, "today": today, "rules": ids}))
        problems += [f"{source}: [{index}] {text}" for text in wrong]
        if not wrong:
            waivers.append(_waiver(entry))
    return Exceptions(waivers=tuple(waivers), problems=tuple(problems))


def _check(obj: Object) -> Iterable[str]:
    return VALID.check(obj) if VALID.check else ()


def _waiver(entry: Mapping[str, Any]) -> Waiver:
    return Waiver(
        rule=entry["rule"],
        kinds=tuple(entry["kinds"]),
        namespace=entry.get("namespace") or "",
        name=entry["name"],
    )
