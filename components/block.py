"""The small base of all blocks.

A block is a folder: `args.py` (typed inputs and outputs), `values.py` (pure functions from inputs to
manifests), `component.py` (the children), `drills.py` (probes that prove it) and `README.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from components.kubernetes import KubernetesObject, Manifest, resource_name


@dataclass(frozen=True, kw_only=True)
class Cover:
    """A requirement that a block realises, and what shows it.

    `evidence` names tests (`tests/...py::test_name`) and drills (`drill:<id>`); empty means open.
    `partial` says in one sentence what of the requirement is not realised yet; empty means all of it is.
    """

    id: str
    evidence: tuple[str, ...] = ()
    partial: str = ""


class Block(pulumi.ComponentResource):
    """Base of all blocks: a component of type `bastide:<block>:<Class>` with typed outputs."""

    block: ClassVar[str]
    covers: ClassVar[tuple[Cover, ...]]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"bastide:{self.block}:{type(self).__name__}", name, None, opts)

    def add(
        self, manifests: Iterable[Manifest], depends_on: Iterable[pulumi.Resource] = (), **options: Any
    ) -> list[KubernetesObject]:
        """Create the manifests as children, named by kind, namespace and name.

        `options` are further fields of `pulumi.ResourceOptions`, e.g. `protect=True`.
        """
        opts = pulumi.ResourceOptions(parent=self, depends_on=list(depends_on), **options)
        return [KubernetesObject(resource_name(manifest), manifest, opts) for manifest in manifests]

    def finish(self, outputs: Mapping[str, Any]) -> None:
        """Register the block's outputs: call it last."""
        self.register_outputs(dict(outputs))
