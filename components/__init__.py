"""Bastide's building blocks."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.block import Block


def blocks() -> list[type[Block]]:
    """Every block, found by its `component` module, in order of name: a block enrols by existing."""
    from components.block import Block  # noqa: PLC0415 (pulumi is imported only where blocks are asked for)

    found: list[type[Block]] = []
    for module in iter_modules(__path__):
        if not module.ispkg or module.name in ("model", "upstream"):
            continue
        members = vars(import_module(f"components.{module.name}.component")).values()
        found += [
            member
            for member in members
            if isinstance(member, type) and issubclass(member, Block) and member is not Block
        ]
    return found
