"""Official releases: used where they can be reached, believed only with the right checksum."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from twin.errors import TwinError
from twin.progress import Silent
from twin.toolchain import network
from twin.toolchain.download import download, expected_sum
from twin.toolchain.store import Shelf, shelf
from twin.toolchain.tools import ETCD, TOOLS, Release

TOOL = next(tool for tool in TOOLS if tool.name == "etcd")
PROGRAM = b"#!/bin/sh\necho etcd\n"


@dataclass
class Publisher:
    """A web server on loopback that gives out `files`."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    shop = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            shop.asked.append(self.path)
            body = shop.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    shop.url = f"http://127.0.0.1:{server.server_port}"
    network.reachable.cache_clear()
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", network.OFFLINE):
        monkeypatch.delenv(name, raising=False)


def archive(folder: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as content:
        for name, mode in (("etcd", 0o755), ("README.md", 0o644)):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(PROGRAM), mode
            content.addfile(entry, io.BytesIO(PROGRAM))
    return out.getvalue()


def place(tmp_path: Path, release: Release) -> Shelf:
    return shelf(tmp_path / "cache", replace(ETCD, release=release))


def get(where: Shelf) -> bool:
    tool = replace(TOOL, family=where.family)
    with where.drafts(Silent()) as drafts:
        return download([tool], where, drafts, Silent())


def files(where: Shelf) -> list[str]:
    return sorted(path.name for path in where.folder.iterdir()) if where.folder.exists() else []


def archived(shop: Publisher, checksum: str | None = None) -> Release:
    body = archive(f"etcd-{ETCD.version}")
    name = f"etcd-{ETCD.version}.tar.gz"
    shop.files[f"/{name}"] = body
    sums = f"{'0' * 64}  other.tar.gz\n{checksum or hashlib.sha256(body).hexdigest()}  {name}\n"
    shop.files["/SUMS"] = sums.encode()
    return Release(
        url=f"{shop.url}/etcd-{{version}}.tar.gz", checksums=f"{shop.url}/SUMS", inside="etcd-{version}"
    )


def test_an_archive_gives_its_programs(publisher: Publisher, tmp_path: Path) -> None:
    where = place(tmp_path, archived(publisher))
    assert get(where)
    assert files(where) == ["etcd"]
    assert (where.folder / "etcd").stat().st_mode & 0o111


def test_a_bare_program_with_a_bare_sum_is_taken(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files |= {"/etcd": PROGRAM, "/etcd.sha256": hashlib.sha256(PROGRAM).hexdigest().encode()}
    release = Release(url=f"{publisher.url}/{{tool}}", checksums=f"{publisher.url}/{{tool}}.sha256")
    where = place(tmp_path, release)
    assert get(where)
    assert (where.folder / "etcd").read_bytes() == PROGRAM


@pytest.mark.parametrize("checksum", ["0" * 64, "not-a-sum"])
def test_a_wrong_checksum_is_refused_and_nothing_is_kept(
    publisher: Publisher, tmp_path: Path, checksum: str
) -> None:
    where = place(tmp_path, archived(publisher, checksum))
    with pytest.raises(TwinError, match=checksum) as caught:
        get(where)
    assert publisher.url in caught.value.problem
    assert files(where) == []


def test_a_file_without_a_checksum_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    release = archived(publisher)
    publisher.files["/SUMS"] = b""
    with pytest.raises(TwinError, match="says nothing about it"):
        get(place(tmp_path, release))


def test_a_release_that_is_missing_there_is_built_instead(publisher: Publisher, tmp_path: Path) -> None:
    release = archived(publisher)
    publisher.files.clear()
    assert get(place(tmp_path, release)) is False


def test_a_publisher_out_of_reach_is_not_waited_for(tmp_path: Path) -> None:
    network.reachable.cache_clear()
    release = Release(url="http://127.0.0.1:9/{tool}", checksums="http://127.0.0.1:9/{tool}.sha256")
    assert get(place(tmp_path, release)) is False


def test_offline_asks_nobody(publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(network.OFFLINE, "1")
    assert get(place(tmp_path, archived(publisher))) is False
    assert publisher.asked == []
    with pytest.raises(TwinError, match=rf"the download of {publisher.url}/x needs the network"):
        network.fetch(f"{publisher.url}/x", tmp_path / "x", lambda *_: None)


def test_sums_are_read_in_both_forms() -> None:
    assert expected_sum("AB\n", "x") == "ab"
    assert expected_sum("ab  y\ncd *x\n", "x") == "cd"
    assert expected_sum("ab  y\n", "x") == ""
