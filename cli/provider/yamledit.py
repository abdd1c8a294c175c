"""Change single values of a YAML file and leave every other byte as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import yaml

from components.model.document import Document, Path_, dotted, read_text

REMOVED: Final = object()
"""In place of a new value: the item of the list goes."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class EditError(Exception):
    """The text is laid out in a way that is not edited here: somebody does it by hand."""


@dataclass(frozen=True)
class Edit:
    """A new value for the scalar at `path`, or `REMOVED` for an item of a list."""

    path: Path_
    value: Any


def edited(document: Document, text: str, edits: Sequence[Edit]) -> tuple[str, dict[str, Any]]:
    """The text with the edits made, and its data.

    `document` is what `text` was read as. Raises `EditError` where the result would hold anything else than
    what the edits say.
    """
    spans = [_span(document, text, edit) for edit in edits]
    made = text
    for start, end, put in sorted(spans, reverse=True):
        made = made[:start] + put + made[end:]
    data = read_text(document.file, made)
    if data.problems or data.data != _expected(document.data, edits):
        paths = ", ".join(dotted(edit.path) for edit in edits)
        raise EditError(f"{document.file}: the layout around {paths} is not understood")
    return made, data.data


def _expected(data: dict[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """The data with the edits made; items go last, so that indexes hold until then."""
    expected = deepcopy(data)
    for edit in edits:
        if edit.value is not REMOVED:
            _holder(expected, edit.path)[edit.path[-1]] = edit.value
    removed = [edit for edit in edits if edit.value is REMOVED]
    for edit in sorted(removed, key=_index, reverse=True):
        del _holder(expected, edit.path)[edit.path[-1]]
    return expected


def _index(edit: Edit) -> int:
    return int(edit.path[-1])


def _holder(data: Any, path: Path_) -> Any:
    for part in path[:-1]:
        data = data[part]
    return data


def _span(document: Document, text: str, edit: Edit) -> tuple[int, int, str]:
    """What to cut out of the text, and what to put there."""
    node = document.node(edit.path)
    if node is None:
        raise EditError(f"{document.file}: there is no {dotted(edit.path)}")
    if edit.value is not REMOVED:
        if not isinstance(node, yaml.ScalarNode) or not _PLAIN.fullmatch(str(edit.value)):
            raise EditError(f"{document.file}: {dotted(edit.path)} is no single value")
        return node.start_mark.index, node.end_mark.index, str(edit.value)
    siblings = document.node(edit.path[:-1])
    if not isinstance(siblings, yaml.SequenceNode):
        raise EditError(f"{document.file}: {dotted(edit.path)} is in no list")
    if siblings.flow_style:
        return _flow_item(siblings.value, _index(edit))
    return _block_item(text, node)


def _flow_item(items: Sequence[yaml.Node], index: int) -> tuple[int, int, str]:
    """An item of `[a, b]` with the comma before it, or of the first one after it."""
    if index:
        return items[index - 1].end_mark.index, items[index].end_mark.index, ""
    end = items[1].start_mark.index if len(items) > 1 else items[0].end_mark.index
    return items[0].start_mark.index, end, ""


def _block_item(text: str, node: yaml.Node) -> tuple[int, int, str]:
    """The lines of an item from its dash on, and the comment at its end."""
    dash = len(text[: node.start_mark.index].rstrip()) - 1
    start = text.rfind("\n", 0, dash) + 1
    if text[start:dash].strip() or text[dash] != "-":
        raise EditError(f"line {node.start_mark.line + 1} holds more than one item")
    end = text.find("\n", _last(node))
    return start, len(text) if end < 0 else end + 1, ""


def _last(node: yaml.Node) -> int:
    """Where a node's own text ends; the mark of a block stands only before what follows it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.index)
