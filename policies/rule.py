"""The form of a rule: a pure function from a resource (or a whole stack) to violations, with metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["critical", "high", "medium", "low"]
Object: TypeAlias = Mapping[str, Any]
"""A Kubernetes manifest, or another resource's inputs; a value not known before the update is `UNKNOWN`."""

PAGE = "docs/reference/policies.md"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One planned resource: its Pulumi `type`, `urn` and properties."""

    type: str
    urn: str
    props: Object


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the charter. A violation of it stops the update.

    `check` takes one object and yields messages, `check_stack` takes all of a stack's resources and yields
    (urn, message); exactly one of them is set. `kinds` are the Kubernetes kinds it looks at, as
    `apiVersion/Kind` (`v1/Pod`, `apps/v1/Deployment`). `controls` are `framework:control` pairs that
    controls.yaml knows. `remediation` is one sentence that tells how to mend a violation.
    """

    id: str
    title: str
    severity: Severity
    controls: tuple[str, ...]
    remediation: str
    kinds: tuple[str, ...]
    covers: tuple[str, ...] = ("P1",)
    check: Callable[[Object], Iterable[str]] | None = None
    check_stack: Callable[[Sequence[Planned]], Iterable[tuple[str, str]]] | None = None

    @property
    def url(self) -> str:
        """Where the rule is explained, relative to the checkout."""
        return f"{PAGE}#{self.id}"
