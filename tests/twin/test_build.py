"""Builds from modules, with a real compiler on a module of a few lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.recorder import Recorder
from twin.errors import TwinError
from twin.settings import ROOT
from twin.toolchain.build import Builder
from twin.toolchain.golang import find_go
from twin.toolchain.store import Shelf, shelf
from twin.toolchain.tools import Family, Tool

SOURCE = """package main

import "example.com/tiny/words"

var version = "none"

func main() { println(words.Say(), version) }
"""
WORDS = 'package words\n\nconst Unique = "{unique}"\n\nfunc Say() string {{ return "tiny" }}\n'


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiler of this machine; a machine without one gets it with the first build of the toolchain."""
    cache = tmp_path_factory.mktemp("no-go")
    try:
        return find_go(cache, "1.26.0", Recorder(), {**os.environ, "BASTIDE_OFFLINE": "1"})
    except TwinError as error:
        pytest.skip(f"no Go on this machine: {error.problem}")


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family whose module lies in a temporary folder; its source is new to Go's build cache."""
    folder = tmp_path / "modules" / "tiny"
    (folder / "words").mkdir(parents=True)
    (folder / "go.mod").write_text("module example.com/tiny\n\ngo 1.26.0\n\n// example.com/tiny v1.2.3\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(SOURCE)
    (folder / "words" / "words.go").write_text(WORDS.format(unique=uuid.uuid4()))
    monkeypatch.setattr("twin.toolchain.tools.MODULES", folder.parent)
    monkeypatch.setattr("twin.toolchain.tools.pinned", lambda *_: "1.2.3")
    return Family(name="tiny", module="example.com/tiny", ldflags="-s -w -X main.version=v{version}")


@pytest.fixture
def make(go: Path, family: Family, tmp_path: Path) -> Callable[[], tuple[Path, Recorder]]:
    """Build the tool as `resolve` does: under the lock, unless it is there."""
    tool = Tool(name="tiny", family=family, package="example.com/tiny", asks=())

    def run() -> tuple[Path, Recorder]:
        told = Recorder()
        place = shelf(tmp_path / "cache", family)
        with place.drafts(told) as drafts:
            found = place.find("tiny")
            path = found or Builder(go=go, shelf=place, drafts=drafts, progress=told).build(tool)
        return path, told

    return run


def left_over(place: Shelf) -> list[str]:
    return sorted(path.name for path in place.root.iterdir() if not path.name.endswith(".lock"))


def test_a_tool_is_built_with_its_version_and_told(
    make: Callable[[], tuple[Path, Recorder]], family: Family, tmp_path: Path
) -> None:
    path, told = make()
    said = subprocess.run([path], capture_output=True, text=True, check=True)
    assert said.stderr == "tiny v1.2.3\n"
    assert told.names == ["start", "tick", "done"]
    assert told.steps == {"build tiny"}
    assert all(0 < done <= total for done, total in told.ticks)
    place = shelf(tmp_path / "cache", family)
    assert left_over(place) == [place.folder.name]


def test_a_broken_module_is_told_in_the_compilers_words_and_leaves_nothing(
    make: Callable[[], tuple[Path, Recorder]], family: Family, tmp_path: Path
) -> None:
    (family.folder / "words" / "words.go").write_text("package words\n\nfunc Say() string { return 7 }\n")
    with pytest.raises(TwinError, match="cannot use 7") as caught:
        make()
    assert "go build of tiny 1.2.3 failed" in caught.value.problem
    assert shelf(tmp_path / "cache", family).find("tiny") is None


def test_two_at_once_build_once_and_the_second_says_that_it_waits(
    make: Callable[[], tuple[Path, Recorder]],
) -> None:
    with ThreadPoolExecutor(2) as pool:
        (one, first), (two, second) = pool.map(lambda _: make(), "ab")
    assert one == two
    built = [told for told in (first, second) if "build tiny" in told.steps]
    assert len(built) == 1
    waited = [told for told in (first, second) if "wait tiny" in told.steps]
    assert len(waited) == 1
    assert built != waited


@pytest.mark.fault
def test_a_killed_build_leaves_nothing_half_made_and_the_next_one_finishes(
    make: Callable[[], tuple[Path, Recorder]], go: Path, family: Family, tmp_path: Path
) -> None:
    """A `go` that stops in mid-build, after it wrote half of the program, is killed with its caller."""
    slow = tmp_path / "go"
    slow.write_text(
        "#!/bin/sh\n"
        '[ "$1" = build ] || exec ' + f'{go} "$@"\n'
        'for a in "$@"; do [ "$last" = -o ] && out="$a"; last="$a"; done\n'
        f'printf half > "$out"; touch {tmp_path}/halfway; exec sleep 60\n'
    )
    slow.chmod(0o755)
    program = (
        "import sys; from pathlib import Path; import twin.toolchain.tools as t\n"
        "t.MODULES = Path(sys.argv[1]); t.pinned = lambda *_: '1.2.3'\n"
        "from twin.toolchain.build import Builder; from twin.toolchain.store import shelf\n"
        "from twin.progress import Silent\n"
        "f = t.Family(name='tiny', module='example.com/tiny', ldflags=sys.argv[4])\n"
        "s = shelf(Path(sys.argv[2]), f)\n"
        "tool = t.Tool(name='tiny', family=f, package='example.com/tiny', asks=())\n"
        "with s.drafts(Silent()) as drafts:\n"
        "    b = Builder(go=Path(sys.argv[3]), shelf=s, drafts=drafts, progress=Silent())\n"
        "    b.build(tool)\n"
    )
    arguments = [str(family.folder.parent), str(tmp_path / "cache"), str(slow), family.ldflags]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, start_new_session=True
    ) as victim:
        deadline = time.monotonic() + 60
        while not (tmp_path / "halfway").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(victim.pid, signal.SIGKILL)
    place = shelf(tmp_path / "cache", family)
    assert (tmp_path / "halfway").exists()
    assert list(place.root.rglob("tiny")) != [], "half a program lies in the drafts"
    assert place.find("tiny") is None
    path, _ = make()
    assert subprocess.run([path], capture_output=True, text=True, check=True).stderr == "tiny v1.2.3\n"
    assert left_over(place) == [place.folder.name]


def test_a_build_asks_no_proxy_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from twin.toolchain.build import go_environment

    assert go_environment({"BASTIDE_OFFLINE": "1"})["GOPROXY"] == "off"
    assert go_environment({"GOPROXY": "https://mirror.example"})["GOPROXY"] == "https://mirror.example"
    assert go_environment({"GOFLAGS": "-mod=mod"})["GOFLAGS"] == ""
