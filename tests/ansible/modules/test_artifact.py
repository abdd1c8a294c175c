"""The module that installs programs from a pinned mirror, on a bundle that the command made."""

from __future__ import annotations

import io
import platform
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cli.nodes.bundle import write_index
from cli.outcome import CliError
from tests.support.plugins import run_module

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "mirror"
    put(folder, "tool", b"#!/bin/sh\necho one\n")
    put(folder, "plugins", archive({"bridge": b"bridge", "lib/x": b"x"}))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name / "1.0" / ARCH / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def archive(files: dict[str, bytes], link: str = "") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member)
    return made.getvalue()


def install(tmp_path: Path, url: str, digest: str = "", check: bool = False, **more: Any) -> dict[str, Any]:
    digest = digest or write_index(tmp_path / "mirror")[0]
    given = {
        "store": {"url": url, "digest": digest},
        "name": "tool",
        "version": "1.0",
        "stamps": str(tmp_path / "stamps"),
        "timeout": 3,
    }
    return run_module("artifact", given | more, check)


def test_a_program_comes_once(tmp_path: Path, mirror: str) -> None:
    target = tmp_path / "bin/tool"
    assert install(tmp_path, mirror, dest=str(target), check=True)["changed"]
    assert not target.exists()
    assert install(tmp_path, mirror, dest=str(target))["changed"]
    assert target.stat().st_mode & 0o777 == 0o755
    assert not install(tmp_path, mirror, dest=str(target))["changed"]
    target.write_bytes(b"changed by hand")
    assert install(tmp_path, mirror, dest=str(target))["changed"]
    assert target.read_bytes() == b"#!/bin/sh\necho one\n"


def test_an_archive_is_unpacked_once(tmp_path: Path, mirror: str) -> None:
    given = {"name": "plugins", "unpack": str(tmp_path / "cni")}
    assert install(tmp_path, mirror, **given)["changed"]
    assert (tmp_path / "cni/lib/x").read_bytes() == b"x"
    assert not install(tmp_path, mirror, **given)["changed"]


def test_a_mirror_that_was_changed_is_refused(tmp_path: Path, mirror: str) -> None:
    pinned = write_index(tmp_path / "mirror")[0]
    put(tmp_path / "mirror", "tool", b"another")
    target = tmp_path / "tool"
    answer = install(tmp_path, mirror, digest=pinned, dest=str(target))
    assert "the index says sha256:" in answer["msg"]
    assert "Copy the bundle to the mirror again" in answer["msg"]
    write_index(tmp_path / "mirror")
    answer = install(tmp_path, mirror, digest=pinned, dest=str(target))
    assert "index.json has the digest" in answer["msg"]
    assert pinned in answer["msg"]
    assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"], "nothing half-made stays"


def test_what_was_reached_out_to_is_named(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/artifacts"
    answer = install(tmp_path, url, digest=f"sha256:{'0' * 64}", dest=str(tmp_path / "tool"))
    assert answer["msg"].startswith(f"tool 1.0: reached out to {url}/index.json: ")
    assert "bastide:hosts.artifacts.url" in answer["msg"]


def test_another_version_is_named(tmp_path: Path, mirror: str) -> None:
    answer = install(tmp_path, mirror, version="2.0", dest=str(tmp_path / "tool"))
    assert f"the mirror has no tool 2.0 for {ARCH}; it has 1.0 for {ARCH}" in answer["msg"]


@pytest.mark.parametrize("link", ["", "/etc/passwd", "../../x"])
def test_an_archive_that_would_leave_its_folder_is_refused(tmp_path: Path, mirror: str, link: str) -> None:
    put(tmp_path / "mirror", "plugins", archive({} if link else {"../evil": b""}, link))
    answer = install(tmp_path, mirror, name="plugins", unpack=str(tmp_path / "cni"))
    assert "the archive holds" in answer["msg"]
    assert list((tmp_path / "cni").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_bundle_is_told_by_one_digest(tmp_path: Path) -> None:
    put(tmp_path, "tool", b"one")
    first, listed = write_index(tmp_path)
    assert write_index(tmp_path)[0] == first
    assert [(each.name, each.version, each.arch) for each in listed] == [("tool", "1.0", ARCH)]
    put(tmp_path, "tool", b"two")
    assert write_index(tmp_path)[0] != first


def test_a_bundle_with_strangers_is_refused_with_all_of_them(tmp_path: Path) -> None:
    put(tmp_path, "tool", b"one")
    (tmp_path / "README").touch()
    (tmp_path / "tool/1.0/amd64/second").touch()
    (tmp_path / "tool/1.0/riscv64").mkdir()
    (tmp_path / "tool/1.0/riscv64/tool").touch()
    with pytest.raises(CliError) as refused:
        write_index(tmp_path)
    text = str(refused.value)
    assert all(word in text for word in ("README is not at", "is one of two", "riscv64, which is none of"))
    assert not (tmp_path / "index.json").exists()
