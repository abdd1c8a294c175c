"""What the documentation names exists: files, verbs of `make` and of `bastide`, folders of tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.main import app
from tests.bench import page as benchmarks
from tests.support.command import ROOT

LISTED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
PAGES = sorted(ROOT / line for line in LISTED.stdout.splitlines())
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COMMAND = re.compile(r"(?<![\w/])(?:\.venv/bin/)?bastide ([a-z]+)([^\n`|;)&]*)")
MAKE = re.compile(r"(?<![\w-])make ([a-z]+)")


def of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_pages() -> None:
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def verb_of(command: Any, rest: str) -> tuple[Any, str]:
    """Of a group of verbs, the one that is named next; the whole group where none is, or several are."""
    name, _, after = rest.strip().partition(" ")
    below = getattr(command, "commands", {})
    assert not below or "|" in name or not name or name in below, rest
    return (below[name], after) if name in below else (command, rest)


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_commands_exist(page: Path) -> None:
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for code in CODE.findall(page.read_text()):
        for verb, after in COMMAND.findall(code):
            assert verb in verbs, f"bastide {verb}"
            command, rest = verb_of(verbs[verb], after)
            known = {option for parameter in command.params for option in parameter.opts}
            known |= {option for parameter in command.params for option in parameter.secondary_opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= known | {"--help"}, f"bastide {verb}{rest}"
        assert set(MAKE.findall(code)) <= targets, code


def test_folders_named_as_evidence_of_faults_hold_tests() -> None:
    named = set(re.findall(r"`(tests/[a-z/]+)`", (ROOT / "docs" / "reference" / "faults.md").read_text()))
    assert named
    for folder in named:
        assert list((ROOT / folder).rglob("test_*.py")), folder


def test_the_page_of_benchmarks_is_made_of_the_figures() -> None:
    assert benchmarks.PAGE.read_text() == benchmarks.page()
