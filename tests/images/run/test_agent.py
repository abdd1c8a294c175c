"""The host's end of the agent's protocol, with a guest that does what it likes."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from images.builder.errors import ImageError
from images.run.agent import LINE_BYTES, Agent, Done

HELLO = {"version": "1", "kernel": "6", "boot_ms": 5, "boot_id": "b", "image": "i", "root": "r"}


@contextmanager
def guest(say: Callable[[socket.socket, int], None]) -> Iterator[Agent]:
    """A guest that does `say` at the first request, given its number, and stays until the host goes."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            asked = json.loads(theirs.makefile("rb").readline())
            try:
                say(theirs, asked["id"])
                while theirs.recv(65536):
                    pass
            except OSError:  # the host has heard enough
                return

    thread = threading.Thread(target=serve)
    thread.start()
    agent = Agent(ours)
    try:
        yield agent
    finally:
        agent.close()
        thread.join(30)


def answers(**fields: Any) -> Callable[[socket.socket, int], None]:
    """A guest that gives one answer."""

    def say(host: socket.socket, number: int) -> None:
        host.sendall(json.dumps({"id": number, "ok": True, **fields}).encode() + b"\n")

    return say


def test_greetings_and_answers_to_others_are_passed_over() -> None:
    def say(host: socket.socket, number: int) -> None:
        host.sendall(b'{"ok": true, "hello": "x"}\n{"id": 1, "ok": true}\n')
        for byte in json.dumps({"id": number, "ok": True, "exit": 3, "stdout": "aGk=", "stderr": ""}) + "\n":
            host.sendall(byte.encode())

    with guest(say) as agent:
        assert agent.run(["x"]) == Done(exit=3, stdout=b"hi", stderr=b"")


def test_a_hello_and_a_refusal_are_told() -> None:
    with guest(answers(**HELLO)) as agent:
        assert agent.hello(10).boot_ms == 5
    with guest(answers(ok=False, error="not today")) as agent, pytest.raises(ImageError, match="not today"):
        agent.get("x")


def test_a_line_without_end_is_not_kept() -> None:
    """The guest goes on until the host hangs up; the host takes no more than its bound."""

    def say(host: socket.socket, number: int) -> None:
        del number
        while True:
            host.sendall(b" " * 65536)

    with guest(say) as agent:
        with pytest.raises(ImageError, match=f"over {LINE_BYTES} bytes"):
            agent.ask("hello", patience=60)
        assert len(agent._rest) < LINE_BYTES + 2 * 65536


@pytest.mark.parametrize("piece", [b" ", b'{"id": 1, "ok": true}\n'], ids=["bytes", "answers to others"])
def test_a_guest_that_goes_on_talking_does_not_move_the_deadline(piece: bytes) -> None:
    def say(host: socket.socket, number: int) -> None:
        del number
        for _ in range(100):
            host.sendall(piece)
            time.sleep(0.1)

    begun = time.monotonic()
    with guest(say) as agent:
        with pytest.raises(ImageError, match="timed out"):
            agent.ask("hello", patience=0.5)
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("line", [b"[1]", b"7", b"null", b"\xff", b"{", b"[" * 200_000, b'{"id"'])
def test_what_is_no_answer_is_named(line: bytes) -> None:
    def say(host: socket.socket, number: int) -> None:
        del number
        host.sendall(line + b"\n")

    with guest(say) as agent, pytest.raises(ImageError, match="no answer to hello"):
        agent.hello(10)


@pytest.mark.parametrize(
    ("fields", "call", "named"),
    [
        ({"ok": 1}, lambda agent: agent.get("x"), "ok"),
        ({"ok": False}, lambda agent: agent.get("x"), "error"),
        ({"data": "no base 64!"}, lambda agent: agent.get("x"), "data"),
        ({"data": "a"}, lambda agent: agent.get("x"), "data"),
        ({"data": None}, lambda agent: agent.get("x"), "data"),
        ({"exit": 0, "stderr": ""}, lambda agent: agent.run(["x"]), "stdout"),
        ({"exit": "0", "stdout": "", "stderr": ""}, lambda agent: agent.run(["x"]), "exit"),
        ({"exit": 0, "stdout": [], "stderr": ""}, lambda agent: agent.run(["x"]), "stdout"),
        ({**HELLO, "boot_ms": "5"}, lambda agent: agent.hello(10), "boot_ms"),
        ({**HELLO, "root": None}, lambda agent: agent.hello(10), "root"),
    ],
)
def test_an_answer_that_lacks_something_is_named(
    fields: dict[str, Any], call: Callable[[Agent], object], named: str
) -> None:
    with (
        guest(answers(**fields)) as agent,
        pytest.raises(ImageError, match=f"answer.*{named}|{named}.*answer"),
    ):
        call(agent)


@pytest.mark.parametrize("unix", [1.8e9, 1_800_000_000])
def test_the_clock_may_be_whole(unix: float) -> None:
    def say(host: socket.socket, number: int) -> None:
        answers()(host, number)
        answers(unix=unix)(host, number + 1)

    with guest(say) as agent:
        assert agent.put_right() == 1.8e9


def test_a_monitor_without_an_agent_is_named(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    with pytest.raises(ImageError, match="no agent on vsock port 1024"):
        Agent.over_vsock_socket(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threading.Thread(target=_hang_up, args=(server,)).start()
        with pytest.raises(ImageError, match="no agent on vsock port 1024"):
            Agent.over_vsock_socket(path)


def _hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_a_monitor_leads_to_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            with server.accept()[0] as host:
                lines = host.makefile("rb")
                assert lines.readline() == b"CONNECT 1024\n"
                host.sendall(b"OK 1073741824\n" + json.dumps({"ok": True, **HELLO}).encode() + b"\n")
                answers(**HELLO)(host, json.loads(lines.readline())["id"])

        thread = threading.Thread(target=serve)
        thread.start()
        agent = Agent.over_vsock_socket(path)
        assert agent.hello(10).kernel == "6"
        agent.close()
        thread.join(30)
