"""Imports go one way: model <- naming <- upstream <- blocks <- stacks <- cli; files stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin.settings import ROOT

PACKAGES = ("components", "policies", "twin", "stacks", "cli", "images")
LINES = 300
PAGE_LINES = 80

MAY = {
    "naming": set(),
    "model": {"model", "naming"},
    "core": {"core", "naming", "model"},
    "upstream": {"upstream", "core", "naming", "model"},
    "probe": {"upstream", "core", "naming", "model"},
    "block": {"probe", "upstream", "core", "naming", "model"},
    "policies": {"policies", "core", "naming", "model"},
    "twin": {"twin", "core", "naming"},
    "stacks": {"stacks", "policies", "block", "upstream", "core", "naming", "model"},
    "images": {"images", "twin", "upstream", "core", "naming", "model"},
    "cli": {"cli", "images", "stacks", "policies", "twin", "block", "upstream", "core", "naming", "model"},
}
"""Which part may import which; a block imports itself, and no other block.

Naming imports nothing of ours: the model's rules ask it which names would collide.
"""


def part(module: str) -> str:
    """The part of the house that a module of ours belongs to."""
    head, _, rest = module.partition(".")
    if head != "components":
        return head
    folder = rest.partition(".")[0]
    if folder in ("model", "naming", "upstream", "probe"):
        return folder
    return "block" if (ROOT / "components" / folder).is_dir() and folder else "core"


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> Iterator[str]:
    return (module for module in imported(path) if module.partition(".")[0] in PACKAGES)


def wrong(path: Path) -> list[str]:
    """The imports of a file that go the wrong way."""
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    block = own.split(".")[:2]
    return [
        module
        for module in ours(path)
        if part(module) not in MAY[part(own)]
        and not (part(own) == part(module) == "block" and module.split(".")[:2] == block)
    ]


def test_imports_go_one_way() -> None:
    found = {str(path.relative_to(ROOT)): wrong(path) for path in sources(*PACKAGES)}
    assert len(found) > 50
    assert {path: modules for path, modules in found.items() if modules} == {}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("components.model.types", "model"),
        ("components.naming", "naming"),
        ("components.kubernetes", "core"),
        ("components.nodes.values", "block"),
        ("policies.rule", "policies"),
        ("cli.main", "cli"),
    ],
)
def test_parts_are_told_apart(module: str, expected: str) -> None:
    assert part(module) == expected


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources(*PACKAGES, "ansible", "tests")
        if (count := len(path.read_text().splitlines())) > LINES
    }
    assert long == {}


def test_a_page_is_a_page() -> None:
    pages = [ROOT / "stacks" / f"{name}.py" for name in ("__main__", "foundation", "platform", "tenant")]
    assert {path.name: True for path in pages} == {
        path.name: len(path.read_text().splitlines()) <= PAGE_LINES for path in pages
    }
