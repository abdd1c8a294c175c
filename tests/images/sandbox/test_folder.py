"""The working folder and the server under it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bastide_sandbox.folder import Folder
from bastide_sandbox.web import BODY_BYTES, Route, Server
from tests.images.sandbox.client import Client


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Client]:
    """A server of nothing but files, and of a route with a fault."""
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("out of bounds")
    faulty = Route(method="GET", pattern="/fault", run=lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    server = Server(("127.0.0.1", 0), [*Folder(tmp_path / "work").routes(), faulty], lambda: "")
    server.start()
    yield Client(port=server.server_port)
    server.shutdown()
    server.server_close()


def test_what_is_put_can_be_listed_got_and_deleted(folder: Client, tmp_path: Path) -> None:
    assert folder.raw("PUT", "/v1/files/data/a%20b.bin", b"\0\1")[0] == 201
    assert folder.ask("GET", "/v1/files") == (200, {"files": ["data/a b.bin"]})
    assert folder.raw("GET", "/v1/files/data/a%20b.bin") == (200, b"\0\1")
    assert (tmp_path / "work/data/a b.bin").read_bytes() == b"\0\1"
    assert folder.raw("DELETE", "/v1/files/data/a%20b.bin")[0] == 200
    assert folder.ask("GET", "/v1/files") == (200, {"files": []})


@pytest.mark.parametrize(
    "name", ["../secret", "%2e%2e/secret", "/etc/passwd", ".", "a/../../secret", "a%00b"]
)
def test_nothing_outside_is_reached(folder: Client, name: str) -> None:
    status, answer = folder.ask("GET", f"/v1/files/{name}")
    assert (status, answer["error"]["code"]) == (400, "bad_path")


def test_links_do_not_lead_out(folder: Client, tmp_path: Path) -> None:
    (tmp_path / "work/link").symlink_to(tmp_path / "secret")
    assert folder.ask("GET", "/v1/files/link")[1]["error"]["code"] == "bad_path"


def test_what_cannot_be_done_says_why(folder: Client, tmp_path: Path) -> None:
    (tmp_path / "work/file").write_text("x")
    assert folder.ask("GET", "/v1/files/none")[1]["error"]["code"] == "no_such_file"
    assert folder.ask("DELETE", "/v1/files/none")[1]["error"]["code"] == "no_such_file"
    assert folder.ask("PUT", "/v1/files/file/below", {})[1]["error"]["code"] == "not_written"
    assert folder.ask("POST", "/v1/files/file", {})[1]["error"]["code"] == "bad_method"
    assert folder.ask("GET", "/nothing")[1]["error"]["code"] == "no_such_path"
    status, answer = folder.ask("GET", "/fault")
    assert (status, answer["error"]["code"]) == (500, "internal")


@pytest.mark.parametrize("header", ["Origin: null", "Origin: http://127.0.0.1:8080", "sec-fetch-site: none"])
def test_a_page_in_a_browser_may_not_call(folder: Client, header: str) -> None:
    """What it sends after the refused request, as its body, is not taken for a request of its own."""
    hidden = "PUT /v1/files/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    head = f"PUT /v1/files/x HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: {len(hidden)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", folder.port), timeout=30) as connection:
        connection.sendall((head + hidden).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b'"code": "from_a_page"' in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert folder.ask("GET", "/v1/files") == (200, {"files": []})


def test_health_is_told_to_anybody(folder: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", folder.port, timeout=30)
    connection.request("GET", "/healthz", headers={"Origin": "http://a.test", "Sec-Fetch-Site": "cross-site"})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_body_that_ends_early_changes_nothing(folder: Client) -> None:
    folder.raw("PUT", "/v1/files/x", b"as it was")
    with socket.create_connection(("127.0.0.1", folder.port), timeout=30) as connection:
        connection.sendall(b"PUT /v1/files/x HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "short_body"' in answer
    assert folder.raw("GET", "/v1/files/x") == (200, b"as it was")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"Content-Length: {BODY_BYTES + 1}", 413),
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: -1", 411),
    ],
)
def test_bodies_have_a_stated_and_bounded_length(folder: Client, head: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", folder.port), timeout=30) as connection:
        connection.sendall(f"PUT /v1/files/x HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(f"HTTP/1.1 {status} ".encode())
