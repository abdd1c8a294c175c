"""All rules and exceptions, as one judge of planned resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.exceptions import Exceptions
from policies.objects import token
from policies.registry import rules
from policies.rule import Object, Planned, Rule
from policies.unknown import known, partial


@dataclass(frozen=True, kw_only=True)
class Charter:
    """The rules in force and what is excused from them."""

    exceptions: Exceptions = field(default_factory=Exceptions)
    rules: Sequence[Rule] = field(default_factory=rules)

    def object(self, rule: Rule, type_: str, props: Object) -> list[str]:
        """The violations of one rule by one resource; none where the rule is not about its type."""
        if rule.check is None:
            return []
        return [
            message
            for obj in objects(rule, type_, props)
            if not self.exceptions.excuse(rule, obj)
            for message in rule.check(obj)
        ]

    def stack(self, rule: Rule, resources: Sequence[Planned]) -> list[tuple[str, str]]:
        """The violations of one rule by a whole stack, as (urn, message)."""
        if rule.check_stack is None:
            return []
        by_urn = {resource.urn: resource.props for resource in resources}
        return [
            (urn, message)
            for urn, message in rule.check_stack(resources)
            if not self.exceptions.excuse(rule, by_urn.get(urn, {}))
        ]


def text(rule: Rule, message: str) -> str:
    """A violation as a user reads it, the same in a preview and at admission."""
    return f"{rule.id}: {message}. {rule.remediation} See {rule.url}"


def types(rule: Rule) -> frozenset[str]:
    """The Pulumi types that a rule is about: its kinds, patches of them and lists of them."""
    plain = [token(kind) for kind in rule.kinds]
    return frozenset(f"{one}{ending}" for one in plain for ending in ("", "Patch", "List"))


def objects(rule: Rule, type_: str, props: Object) -> Iterator[Object]:
    """The objects in a resource that a rule is about."""
    for kind in rule.kinds:
        plain = token(kind)
        named = {"apiVersion": kind.rpartition("/")[0], "kind": kind.rpartition("/")[2]}
        if type_ == plain:
            yield {**props, **named}
        elif type_ == f"{plain}Patch":
            yield partial({**props, **named})
        elif type_ == f"{plain}List":
            yield from ({**item, **named} for item in _items(props))


def _items(props: Object) -> Iterable[Mapping[str, Any]]:
    return [item for item in props.get("items") or () if known(item)]
