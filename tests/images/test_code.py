"""The code sandbox as a container: cells of both languages, sessions, files, and cells that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from images.builder.definition import load
from tests.images.conftest import Image
from tests.support.images import contract, podman
from tests.support.images.podman import Container

pytestmark = [
    pytest.mark.images("code"),
    pytest.mark.skipif(podman.absent() != "", reason=podman.absent()),
]
MEMORY = ("--memory=768m", "--memory-swap=768m")


@pytest.fixture(scope="module")
def code(image: Callable[[str], Image]) -> Iterator[Container]:
    """A container, whose server lets cells have more memory than it has itself."""
    with podman.running(image("code"), ["--memory=4096"], options=MEMORY) as container:
        yield container


def cell(code: Container, text: str, language: str = "python", **fields: Any) -> dict[str, Any]:
    """The outcome of a cell."""
    answer = code.ask("POST", "/v1/cells", {"language": language, "code": text, **fields})
    assert answer.status == 200, answer.body
    return dict(answer.json())


def test_the_contract_of_containers(image: Callable[[str], Image], code: Container) -> None:
    definition = load("code")
    layer = contract.read_layer(image("code").store, "code")
    assert [*contract.broken_by_layer(definition, layer)] == []
    assert [*contract.broken_by_container(definition, code)] == []


def test_cells_of_both_languages(code: Container) -> None:
    assert cell(code, "import sys; print(sys.version_info[:2]); 6 * 7")["stdout"] == "(3, 13)\n"
    assert cell(code, "import sqlite3, ssl, lzma, ctypes, zoneinfo; 6 * 7")["result"] == "42"
    assert cell(code, "console.log(process.version); 6 * 7", "javascript")["result"] == "42"


@pytest.mark.parametrize(
    ("language", "first"), [("python", "x = 40"), ("javascript", "let x = 40")], ids=["python", "javascript"]
)
def test_a_session_keeps_its_state(code: Container, language: str, first: str) -> None:
    assert cell(code, first, language, session="s")["session"]["state"] == "new"
    told = cell(code, "x + 2", language, session="s")
    assert (told["result"], told["session"]["state"]) == ("42", "kept")


def test_cells_call_programs(code: Container) -> None:
    told = cell(code, "import os; os.system('id -u; echo $HOME; ls -d /tmp | grep tmp; touch /no')")
    assert told["stdout"] == "65532\n/home/sandbox\n/tmp\n"
    assert "Read-only file system" in told["stderr"]


def test_files_go_in_and_out(code: Container) -> None:
    assert code.ask("PUT", "/v1/files/in.csv", b"a,b\n1,2\n").status == 201
    cell(code, "import csv; rows = [*csv.reader(open('in.csv'))]; open('out.txt', 'w').write(str(rows))")
    assert code.ask("GET", "/v1/files/out.txt").body == b"[['a', 'b'], ['1', '2']]"


def test_there_is_no_network(code: Container) -> None:
    told = cell(code, "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)")
    assert told["error"]["name"] == "OSError"


def test_an_endless_loop_is_ended(code: Container) -> None:
    told = cell(code, "while True: pass", session="loop", timeout=1)
    assert (told["error"]["code"], told["session"]["state"]) == ("timeout", "lost")
    assert cell(code, "1", session="loop")["session"]["state"] == "restarted"


def test_a_memory_bomb_ends_its_cell_and_not_the_sandbox(code: Container) -> None:
    """The cell may have 4 GiB by its own limit; the container's 768 MiB stop it."""
    told = cell(code, "hoard = [bytearray(2**24) for _ in range(200)]", session="bomb")
    assert (told["error"]["code"], told["session"]["state"]) == ("kernel_died", "lost")
    assert "signal 9" in told["error"]["message"]
    assert cell(code, "1", session="bomb")["result"] == "1"


def test_a_fork_bomb_is_ended(code: Container) -> None:
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert cell(code, bomb, session="forks", timeout=3)["error"]["code"] == "timeout"
    assert cell(code, "1", session="forks")["result"] == "1"
    assert cell(code, "1", "javascript", session="forks")["result"] == "1"


def test_a_killed_kernel_is_replaced(code: Container) -> None:
    assert cell(code, "import os; os.kill(os.getpid(), 9)", session="k")["error"]["code"] == "kernel_died"
    assert cell(code, "1", session="k")["session"]["state"] == "restarted"
