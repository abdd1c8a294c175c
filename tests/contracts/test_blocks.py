"""What holds for every block; a new block is enrolled by existing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from components import blocks
from components.block import Block
from tests.support.drills import drill_ids
from twin.settings import ROOT

COMPONENTS = ROOT / "components"
FILES = {"__init__.py", "args.py", "component.py", "drills.py", "README.md"}
VALUES = ({"values.py"}, {"values"})
"""Pure functions: a module, or a package of several."""
AMBIENT = {"Config", "StackReference", "environ", "getenv", "open", "read_text", "read_bytes", "get_stack"}
BLOCKS = blocks()
FOLDERS = sorted(
    path
    for path in COMPONENTS.iterdir()
    if path.is_dir() and path.name not in ("model", "upstream", "__pycache__")
)


def folder(block: type[Block]) -> Path:
    return COMPONENTS / block.block


def test_every_folder_is_a_block() -> None:
    assert {folder(block) for block in BLOCKS} == set(FOLDERS)
    assert len(BLOCKS) >= len(FOLDERS) >= 3


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: path.name)
def test_a_block_has_exactly_its_files(path: Path) -> None:
    found = {entry.name for entry in path.iterdir()} - {"__pycache__"}
    assert found >= FILES
    assert found - FILES in VALUES


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.block)
def test_covers_name_requirements_and_evidence_that_exist(block: type[Block]) -> None:
    known = yaml.safe_load((COMPONENTS / "requirements.yaml").read_text())
    assert block.covers
    for cover in block.covers:
        assert cover.id in known
        for evidence in cover.evidence:
            if evidence.startswith("drill:"):
                assert evidence.removeprefix("drill:") in drill_ids()
            else:
                path, _, test = evidence.partition("::")
                assert test.partition("[")[0] in functions(ROOT / path), evidence


def functions(path: Path) -> set[str]:
    assert path.is_file(), path
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.block)
def test_every_block_has_drills_of_its_own(block: type[Block]) -> None:
    own = {name for name in drill_ids() if name.startswith(f"{block.block}.")}
    assert own
    readme = (folder(block) / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in own), own


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: path.name)
def test_a_block_reads_nothing_ambient(path: Path) -> None:
    for source in path.rglob("*.py"):
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(source.read_text()))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        assert not names & AMBIENT, source


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: path.name)
def test_arguments_are_frozen_and_by_keyword(path: Path) -> None:
    tree = ast.parse((path / "args.py").read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert classes
    for found in classes:
        given = {
            keyword.arg
            for decorator in found.decorator_list
            if isinstance(decorator, ast.Call)
            for keyword in decorator.keywords
            if isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        }
        assert {"frozen", "kw_only"} <= given, found.name
