"""A stack file as YAML: read strictly, with the line of every value.

Scalars follow YAML 1.2's core schema, as the engine's own reader does: `no` and `on` are text.
Source: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from yaml.composer import ComposerError

from components.model.errors import ConfigProblem, shown

Path_: TypeAlias = tuple[str | int, ...]
"""A path inside a file: `("config", "bastide:pools", 2, "zone")`."""

SIZE_MAX: Final = 1_000_000
DEPTH_MAX: Final = 32
_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,29})")
_FLOAT = re.compile(
    r"[-+]?([0-9]*\.[0-9]+|[0-9]+\.?)([eE][-+]?[0-9]{1,3})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_OTHER_BASE = re.compile(r"[-+]?0[0-9].*")
_KINDS = {yaml.ScalarNode: "str", yaml.MappingNode: "map", yaml.SequenceNode: "seq"}


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # either has the same methods
    """Composes nodes only. It leaves scalars to `scalar`, which is quicker than the resolver of PyYAML."""

    depth = 0

    def resolve(self, kind: type[yaml.Node], _value: object, _implicit: object) -> str:
        return f"tag:yaml.org,2002:{_KINDS[kind]}"

    def descend_resolver(self, parent: yaml.Node | None, _index: object) -> None:
        """Called on the way into a node: a file nested without end would exhaust the C stack."""
        self.depth += 1
        if parent is not None and self.depth > DEPTH_MAX:
            raise ComposerError(None, None, f"nested deeper than {DEPTH_MAX} levels", parent.start_mark)

    def ascend_resolver(self) -> None:
        """Called on the way out of a node."""
        self.depth -= 1


@dataclass(kw_only=True)
class Document:
    """One file: its plain `data`, the nodes that know their lines, and what is wrong with it as YAML."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    root: yaml.Node | None = None
    problems: list[ConfigProblem] = field(default_factory=list)

    def line(self, path: Path_) -> int:
        """The line of the key or item at `path`, or of the nearest one around it; 0 without a file."""
        node = self.root
        if node is None:
            return 0
        line = node.start_mark.line + 1
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            key, node = found
            line = max(line, key.start_mark.line + 1)  # an alias stands after its anchor
        return line

    def node(self, path: Path_) -> yaml.Node | None:
        """The node of the value at `path`, where there is one."""
        node = self.root
        for part in path:
            found = _child(node, part) if node else None
            node = found[1] if found else None
        return node

    def problem(self, path: Path_, value: object, rule: str, mend: str) -> ConfigProblem:
        return ConfigProblem(
            file=self.file,
            line=self.line(path),
            path=dotted(path),
            value=shown(value, dotted(path)),
            rule=rule,
            mend=mend,
        )

    def refuse(self, path: Path_, value: object, rule: str, mend: str) -> None:
        self.problems.append(self.problem(path, value, rule, mend))


def dotted(path: Path_) -> str:
    """`config.bastide:pools[2].zone`, as `pulumi config --path` writes paths."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_:/-]*", part):
            text += f".{part}" if text else part
        else:
            text += f'["{shown(part)}"]'
    return text or "(file)"


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key (or item) and the value under `part`; of two equal keys the last, as data has it."""
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in reversed(node.value) if k.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def read(path: Path) -> Document:
    """Read a file. Whatever is wrong with it as YAML is in the document's `problems`."""
    document = Document(file=str(path))
    text = _text(path, document)
    return document if text is None else read_text(str(path), text)


def read_text(file: str, text: str) -> Document:
    """Read the text of a file. Whatever is wrong with it as YAML is in the document's `problems`."""
    document = Document(file=file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        _syntax(document, error, text)
        return document
    document.root = node
    if not isinstance(node, yaml.MappingNode):
        held = "nothing" if node is None else f"a {_kind(node)}"
        document.refuse((), held, "must be a mapping", "Begin it with `config:`.")
        return document
    document.data = _plain(node, (), document, set())
    return document


def _text(path: Path, document: Document) -> str | None:
    try:
        with path.open("rb") as stream:
            raw = stream.read(SIZE_MAX + 1)
    except OSError as error:
        document.refuse(
            (), error.strerror or "unreadable", "must be a readable file", "Restore it or its rights."
        )
        return None
    if len(raw) > SIZE_MAX:
        rule = f"must have at most {SIZE_MAX:,} bytes"
        document.refuse((), "more than that", rule, "Split it, or look for what was pasted into it.")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        value = f"byte 0x{raw[error.start]:02x} in line {line}"
        document.refuse((), value, "must be UTF-8 text", "Save it again with the encoding UTF-8.")
        return None


def _syntax(document: Document, error: yaml.YAMLError, text: str) -> None:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    rule, mend = (
        f"must be YAML: {said}",
        "Look at this line and the one above it: indentation, colons, quotes.",
    )
    if here[: len(here) - len(here.lstrip())].count("\t"):
        rule, mend = "must be indented by spaces, not tabs", "Put two spaces for each tab."
    where = f"line {line}"
    document.problems.append(
        ConfigProblem(file=document.file, line=line, path="(file)", value=where, rule=rule, mend=mend)
    )


def _plain(node: yaml.Node, path: Path_, document: Document, seen: set[int]) -> Any:
    """The plain value of a node. Each node is visited once: aliases, and so their bombs, are refused."""
    if node.tag not in _TAGS:
        rule = "must have no YAML tag"
        document.refuse(path, node.tag, rule, "Remove the tag and write the value itself.")
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else scalar(node.value)
    if id(node) in seen:
        if -id(node) not in seen:  # each anchor is reported once, however often it is used
            rule = "must be written out: aliases of YAML are not taken"
            document.refuse(path, "an alias", rule, "Repeat the value in place of the alias.")
        seen.add(-id(node))
        return None
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), document, seen) for index, item in enumerate(node.value)]
    return dict(_entries(node, path, document, seen))


def _entries(node: yaml.Node, path: Path_, document: Document, seen: set[int]) -> Iterator[tuple[str, Any]]:
    first: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            document.refuse(path, "a mapping or list", "must have text as its keys", "Write `key: value`.")
            continue
        line = key.start_mark.line + 1
        if key.value in first:
            where = f"lines {first[key.value]} and {line}"
            rule = f"must appear once; it is there twice ({where})"
            document.refuse((*path, key.value), _plain_shown(value), rule, "Delete one of the two.")
        first.setdefault(key.value, line)
        yield key.value, _plain(value, (*path, key.value), document, seen)


def _plain_shown(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else f"a {_kind(node)}"


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "mapping"
    return "list" if isinstance(node, yaml.SequenceNode) else "single value"


def scalar(text: str) -> Any:
    """The value of an unquoted scalar in the core schema of YAML 1.2.

    Numbers that readers take differently (`010`, `0x1F`, `1_000`) stay text: a field for numbers
    refuses them.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789" or _OTHER_BASE.fullmatch(text):
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
