"""The archive: a mirror that is down, or is none, is named before anything is built."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from images.builder import debian
from images.builder.errors import ImageError
from tests.support.command import ROOT
from tests.support.processes import running
from tests.support.project import eventually

RELEASE = "Origin: Debian\nDate: Sat, 12 Sep 2026 07:55:41 UTC\n"
SUITES = ("debian/dists/trixie", "debian/dists/trixie-updates", "debian-security/dists/trixie-security")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """The address of a mirror with InRelease files, and nothing else."""
    for suite in SUITES:
        (tmp_path / suite).mkdir(parents=True)
        (tmp_path / suite / "InRelease").write_text(RELEASE)
    handler = functools.partial(_Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_files_are_dated_by_the_point_release(mirror: str) -> None:
    archive = debian.read_archive(f"{mirror}/")
    assert archive.dated() == "2026-09-12T07:55:41Z"
    assert archive.sources()[0] == f"deb {mirror}/debian trixie main"
    assert len(set(archive.releases.values())) == 1


def test_the_mirror_may_be_named_by_a_variable(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASTIDE_MIRROR", mirror)
    assert debian.read_archive().mirror == mirror


@pytest.mark.fault
def test_a_mirror_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ImageError, match="refused") as caught:
            debian.read_archive(address)
    assert f"{address}/debian/dists/trixie/InRelease" in caught.value.problem
    assert "BASTIDE_MIRROR" in caught.value.mend


@pytest.mark.fault
def test_a_mirror_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ImageError, match="timed out"):
            debian.read_archive(address)


@contextmanager
def answering(tell: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a mirror that tells one asker this, and hangs up."""

    def answer() -> None:
        with suppress(OSError), listening.accept()[0] as asker:
            asker.recv(4096)
            tell(asker)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def cut(asker: socket.socket) -> None:
    asker.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nOrigin: Debian")


def babble(asker: socket.socket) -> None:
    asker.sendall(b"this is no HTTP\r\n")


def drip(asker: socket.socket) -> None:
    asker.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n")
    for _ in range(4096):
        asker.sendall(b"x")
        time.sleep(0.02)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("tell", "cause"), [(cut, "IncompleteRead"), (babble, "this is no HTTP"), (drip, "the mirror is slow")]
)
def test_a_mirror_that_answers_badly_is_named(
    tell: Callable[[socket.socket], None], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "_FILE_SECONDS", 5)
    with answering(tell) as address, pytest.raises(ImageError, match=cause) as caught:
        debian.read_archive(address)
    assert f"{address}/debian/dists/trixie/InRelease" in caught.value.problem
    assert "BASTIDE_MIRROR" in caught.value.mend


PROGRAM = """#!/bin/sh
[ -z "$GO_ON" ] || { sleep 300 & sleep 300; }
for line in "$@"; do case $line in --*-hook=sha256sum*) echo "LISTS"; esac; done
for last in "$@"; do case $last in *.tar) touch "$last"; esac; done
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> debian.Archive:
    """An archive, and in the place of mmdebstrap what says that it has read those very lists."""
    release = "ab" * 32
    program = tmp_path / "bin/mmdebstrap"
    program.parent.mkdir()
    program.write_text(PROGRAM.replace("LISTS", f"{release}  /tree/var/lib/apt/lists/trixie_InRelease"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(debian, "absent", lambda: "")
    return debian.Archive(mirror="http://mirror", components=("main",), epoch=0, releases={"s": release})


@pytest.mark.parametrize("variant", ["apt", "extract"])
def test_an_archive_that_moved_on_builds_nothing(told: debian.Archive, tmp_path: Path, variant: str) -> None:
    out = tmp_path / "tree.tar"
    debian.bootstrap(told, ["hello"], out, variant=variant)
    assert out.exists()
    for other in ({"s": "cd" * 32}, {**told.releases, "t": "cd" * 32}):
        with pytest.raises(ImageError, match="the archive moved on") as caught:
            debian.bootstrap(dataclasses.replace(told, releases=other), ["hello"], out, variant=variant)
        assert caught.value.mend == "build again"
        assert not out.exists()


@pytest.mark.fault
def test_a_root_file_system_that_never_ends_is_given_up(
    told: debian.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_ON", "1")
    monkeypatch.setattr(debian, "_TREE_SECONDS", 2)
    with pytest.raises(ImageError, match="http://mirror: mmdebstrap was not done within 2 s"):
        debian.bootstrap(told, ["hello"], tmp_path / "tree.tar")
    eventually(lambda: not running(str(tmp_path), told_by="environ"), "the end of all that it started", 10)


def test_what_is_no_archive_is_refused(mirror: str, tmp_path: Path) -> None:
    (tmp_path / SUITES[0] / "InRelease").write_text("<html>Welcome</html>")
    with pytest.raises(ImageError, match="has no date"):
        debian.read_archive(mirror)


ABSENT = debian.absent() or ("" if os.geteuid() == 0 else "needs root")


@pytest.mark.fault
@pytest.mark.skipif(bool(ABSENT), reason=ABSENT)
def test_an_archive_that_nobody_signed_builds_nothing(mirror: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="mmdebstrap ended with") as caught:
        debian.bootstrap(debian.read_archive(mirror), ["hello"], tmp_path / "tree.tar")
    assert mirror in caught.value.problem
    assert not (tmp_path / "tree.tar").exists()


BUILDING = """
import sys
from pathlib import Path
from images.builder import debian

archive = debian.Archive(mirror=sys.argv[1], components=("main",), epoch=1_000_000_000, releases={})
debian.bootstrap(archive, ["hello"], Path(sys.argv[2]))
"""


@pytest.mark.fault
@pytest.mark.skipif(bool(ABSENT), reason=ABSENT)
def test_nothing_of_a_killed_build_goes_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-c", BUILDING, mirror, str(tmp_path / "tree")]
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
            silent.accept()  # apt asks: the tree has begun
            assert len(running(str(tmp_path))) > 3
            process.kill()
        eventually(lambda: not running(str(tmp_path)), "the end of all that it started", 10)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
