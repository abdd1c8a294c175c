"""Cells: their results, sessions, and what becomes of cells that misbehave."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from bastide_sandbox.code import kernel, python_kernel, serve, sessions
from tests.images.sandbox.client import Client
from tests.support.gateway.wire import until

MEMORY = 512
javascript = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A code sandbox in this process."""
    patch = pytest.MonkeyPatch()
    if shutil.which("node") is None:
        patch.setattr(sessions, "LANGUAGES", ("python",))
    asked = Namespace(work=tmp_path_factory.mktemp("work"), memory=MEMORY)
    server, close = serve.serve(("127.0.0.1", 0), asked)
    server.start()
    yield Client(port=server.server_port)
    server.shutdown()
    server.server_close()
    close()
    patch.undo()


def alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_last_expression_is_the_result(code: Client) -> None:
    told = code.cell("import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7")
    assert (told["stdout"], told["stderr"], told["result"]) == ("out\n", "err\n", "42")
    assert told["error"] is None
    assert told["session"] == {"name": None, "state": "none"}


def test_a_session_keeps_its_variables_and_others_do_not_see_them(code: Client) -> None:
    assert code.cell("x = 1", session="kept")["session"]["state"] == "new"
    told = code.cell("x + 1", session="kept")
    assert (told["result"], told["session"]["state"]) == ("2", "kept")
    assert code.cell("x", session="other")["error"]["name"] == "NameError"
    assert code.cell("x")["error"]["name"] == "NameError"


def test_what_a_cell_raises_is_told_with_its_own_lines(code: Client) -> None:
    error = code.cell("def f():\n    return 1 / 0\nf()")["error"]
    assert (error["code"], error["name"], error["message"]) == (
        "raised",
        "ZeroDivisionError",
        "division by zero",
    )
    assert "return 1 / 0" in error["traceback"]
    assert "python_kernel" not in error["traceback"]


@pytest.mark.parametrize(
    "cell", ["(", "raise SystemExit(3)", "raise KeyboardInterrupt", "x = '\\ud800'; print(x)"]
)
def test_a_session_outlives_what_its_cells_raise(code: Client, cell: str) -> None:
    code.cell("y = 5", session="raises")
    assert code.cell(cell, session="raises")["error"]["code"] == "raised"
    assert code.cell("y", session="raises")["result"] == "5"


def test_an_endless_loop_ends_with_all_that_it_started(code: Client) -> None:
    cell = (
        "import subprocess as s\n"
        "apart = s.Popen(['sleep', '600'], start_new_session=True)\n"
        "print(apart.pid, flush=True)\n"
        "while True: pass"
    )
    told = code.cell(cell, session="loop", timeout=0.5)
    assert (told["error"]["code"], told["session"]["state"]) == ("timeout", "lost")
    assert not alive(int(told["stdout"]))
    told = code.cell("1", session="loop")
    assert (told["result"], told["session"]["state"]) == ("1", "restarted")
    assert code.cell("1", session="loop")["session"]["state"] == "kept"


def test_memory_is_bounded(code: Client) -> None:
    told = code.cell(f"hoard = bytearray({2 * MEMORY} * 2**20)", session="bomb")
    assert told["error"]["name"] == "MemoryError"
    assert code.cell("1", session="bomb")["result"] == "1"


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), 9)", "os._exit(3)", "os.close(3); 1"])
def test_a_process_that_ends_in_a_cell_is_replaced(code: Client, ending: str) -> None:
    told = code.cell(f"import os; {ending}", session="dies")
    assert (told["error"]["code"], told["session"]["state"]) == ("kernel_died", "lost")
    assert code.cell("1", session="dies")["session"]["state"] == "restarted"
    code.ask("DELETE", "/v1/sessions/dies")


def test_what_a_dead_process_started_ends_with_it_and_nothing_else_does(code: Client) -> None:
    start = (
        "import os, subprocess as s; print(s.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)"
    )
    bystander = int(code.cell(start, session="bystander")["stdout"])
    told = code.cell(f"{start}; os._exit(3)", session="leaves")
    assert told["error"]["code"] == "kernel_died"
    assert "exit 3" in told["error"]["message"]
    assert not alive(int(told["stdout"]))
    assert alive(bystander)
    assert code.ask("DELETE", "/v1/sessions/bystander")[0] == 200
    assert not alive(bystander)
    code.ask("DELETE", "/v1/sessions/leaves")


def test_a_process_killed_between_cells_is_replaced(code: Client) -> None:
    process = int(code.cell("import os; os.getpid()", session="between")["result"])
    os.kill(process, signal.SIGKILL)
    until(lambda: not alive(process), "it ended", 10)
    told = code.cell("2", session="between")
    assert (told["result"], told["session"]["state"]) == ("2", "restarted")


def test_the_zygote_may_die(code: Client) -> None:
    told = code.cell("import os; print(os.getpid()); os.getppid()", session="orphan")
    os.kill(int(told["result"]), signal.SIGKILL)
    until(lambda: not alive(int(told["stdout"])), "its kernels ended with it", 10)
    told = code.cell("2", session="orphan")
    assert (told["result"], told["session"]["state"]) == ("2", "restarted")


def test_output_and_result_are_bounded(code: Client) -> None:
    told = code.cell("print('a' * 3_000_000); 'b' * 1_000_000")
    assert (len(told["stdout"]), told["truncated"]) == (kernel.OUTPUT_BYTES, ["stdout"])
    assert len(told["result"]) < python_kernel.RESULT_CHARACTERS + 100


def test_a_fork_in_a_cell_answers_once(code: Client) -> None:
    assert code.cell("import os; os.fork() > 0", session="fork")["result"] == "True"
    assert code.cell("'next'", session="fork")["result"] == "'next'"


def test_what_a_cell_writes_on_its_control_line_is_no_answer_to_the_next(code: Client) -> None:
    code.cell('import os; os.write(3, b\'{"result": "forged", "error": null}\\n\'); 1', session="forger")
    assert code.cell("'mine'", session="forger")["result"] == "'mine'"


def test_a_busy_session_says_so_and_deleting_it_ends_its_cell(code: Client, tmp_path: Path) -> None:
    told: list[dict[str, object]] = []
    cell = f"import time; open({str(tmp_path / 'begun')!r}, 'w').close(); time.sleep(600)"
    thread = threading.Thread(target=lambda: told.append(code.cell(cell, session="busy", timeout=600)))
    thread.start()
    until((tmp_path / "begun").exists, "the cell runs", 30)
    status, answer = code.ask("POST", "/v1/cells", {"language": "python", "code": "1", "session": "busy"})
    assert (status, answer["error"]["code"]) == (409, "session_busy")
    assert code.ask("DELETE", "/v1/sessions/busy")[0] == 200
    thread.join(30)
    assert told[0]["error"]["code"] == "kernel_died"  # type: ignore[index]
    assert code.cell("1", session="busy")["session"]["state"] == "new"


@javascript
def test_javascript(code: Client) -> None:
    told = code.cell(
        "let x = 20; console.log('out'); console.error('err'); x + 1", "javascript", session="js"
    )
    assert (told["stdout"], told["stderr"], told["result"]) == ("out\n", "err\n", "21")
    assert code.cell("x += 1; Promise.resolve([x])", "javascript", session="js")["result"] == "[ 21 ]"
    error = code.cell("function f() { null.x }\nf()", "javascript", session="js")["error"]
    assert (error["code"], error["name"]) == ("raised", "TypeError")
    assert "<cell 3>:1" in error["traceback"]
    assert code.cell("throw 3", "javascript", session="js")["error"]["message"] == "3"
    assert code.cell("require('fs').readdirSync('.').length", "javascript")["result"].isdigit()


@javascript
@pytest.mark.parametrize(
    ("cell", "ends"),
    [
        ("for (;;);", "timeout"),
        ("process.exit(0)", "kernel_died"),
        ("const a = []; for (;;) a.push(new Array(1e6).fill(a.length))", "kernel_died"),
    ],
)
def test_javascript_that_misbehaves(code: Client, cell: str, ends: str) -> None:
    told = code.cell(cell, "javascript", session="bad", timeout=2 if ends == "timeout" else 60)
    assert (told["error"]["code"], told["session"]["state"]) == (ends, "lost")
    assert code.cell("1", "javascript", session="bad")["session"]["state"] == "restarted"
    code.ask("DELETE", "/v1/sessions/bad")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "bad_json"),
        (b"[]", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"code": "1"}', "missing_field"),
        (b'{"language": "perl", "code": "1"}', "bad_field"),
        (b'{"language": ["python"], "code": "1"}', "bad_field"),
        (b'{"language": "python", "code": 1}', "bad_field"),
        (b'{"language": "python", "code": "1", "timeout": 0}', "bad_field"),
        (b'{"language": "python", "code": "1", "timeout": NaN}', "bad_field"),
        (b'{"language": "python", "code": "1", "timeout": true}', "bad_field"),
        (b'{"language": "python", "code": "1", "session": "../x"}', "bad_field"),
        (b'{"language": "python", "code": "1", "seesion": "x"}', "unknown_field"),
    ],
)
def test_bad_calls_are_refused_with_a_code(code: Client, body: bytes, reason: str) -> None:
    status, answer = code.raw("POST", "/v1/cells", body)
    assert status == 400
    assert f'"code": "{reason}"'.encode() in answer


def test_health(code: Client) -> None:
    assert code.ask("GET", "/healthz") == (200, {"status": "ok"})


def test_there_may_be_only_so_many_sessions(code: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSIONS", 0)
    status, answer = code.ask("POST", "/v1/cells", {"language": "python", "code": "1", "session": "more"})
    assert (status, answer["error"]["code"]) == (429, "too_many_sessions")
