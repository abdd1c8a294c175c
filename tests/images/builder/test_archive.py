"""Digests of packages come from the lists that the signed InRelease files name, and from no others."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Callable

import pytest

from images.builder import archive as archives
from images.builder.archive import digest, digests
from images.builder.debian import Archive
from images.builder.errors import ImageError
from images.builder.packages import Package
from images.builder.provenance import Material, materials

LIST = "main/binary-amd64/Packages.xz"
STANZA = "Package: {0}\nSource: other\nVersion: {1}\nArchitecture: amd64\nFilename: x\nSHA256: {2}\n"
LIBC = Package(kind="deb", name="libc6", version="2.41-12", architecture="amd64", distro="debian-13")
LEFT = Package(kind="npm", name="left", version="1.3.0")


class Mirror:
    """Three suites: a package in each, and what was asked."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.releases: dict[str, str] = {}
        for folder, suite, number in (
            ("debian", "trixie", 1),
            ("debian", "trixie-updates", 2),
            ("debian-security", "trixie-security", 3),
        ):
            top = f"http://mirror.example/{folder}/dists/{suite}"
            text = (
                STANZA.format("libc6", f"2.41-1{number}", f"{number}" * 64)
                + "\n"
                + STANZA.format("a", "1", "")
            )
            self.put(f"{top}/{LIST}", lzma.compress(text.encode()))
            listed = hashlib.sha256(self.content[f"{top}/{LIST}"]).hexdigest()
            release = (
                f"Date: x\nMD5Sum:\n 00 1 {LIST}\nSHA256:\n {listed} 9 {LIST}\n 11 1 other\nAcquire: y\n"
            )
            self.put(f"{top}/InRelease", release.encode())
            self.releases[suite] = hashlib.sha256(release.encode()).hexdigest()

    def put(self, url: str, content: bytes) -> None:
        self.content[url] = content

    def archive(self) -> Archive:
        return Archive(mirror="http://mirror.example", components=("main",), epoch=0, releases=self.releases)


@pytest.fixture(name="mirror")
def _mirror(monkeypatch: pytest.MonkeyPatch) -> Mirror:
    mirror = Mirror()
    fetch: Callable[[str], bytes] = mirror.content.__getitem__
    monkeypatch.setattr(archives, "fetch", fetch)
    archives._digests.cache_clear()
    return mirror


def test_every_suite_tells_its_packages(mirror: Mirror) -> None:
    known = digests(mirror.archive())
    assert known == {
        ("libc6", "2.41-11", "amd64"): "1" * 64,
        ("libc6", "2.41-12", "amd64"): "2" * 64,
        ("libc6", "2.41-13", "amd64"): "3" * 64,
    }
    assert digest(LIBC, known) == "2" * 64
    assert digest(LEFT, known) == ""


def test_provenance_names_lists_and_packages_by_debians_own_address(mirror: Mirror) -> None:
    found = materials(mirror.archive(), [LIBC, LEFT])
    assert found[0] == Material(
        uri="http://deb.debian.org/debian/dists/trixie/InRelease", digest=mirror.releases["trixie"]
    )
    assert [(each.uri, each.digest) for each in found[3:]] == [(LIBC.purl, "2" * 64), (LEFT.purl, "")]


@pytest.mark.parametrize("name", ["InRelease", LIST])
def test_a_mirror_that_has_something_else_by_now_is_refused(mirror: Mirror, name: str) -> None:
    url = f"http://mirror.example/debian/dists/trixie/{name}"
    mirror.put(url, mirror.content[url] + b" ")
    with pytest.raises(ImageError, match=rf"mirror: {url} is [0-9a-f]+, not [0-9a-f]+ as when"):
        digests(mirror.archive())


def test_a_component_that_a_suite_lacks_is_named(mirror: Mirror) -> None:
    archive = mirror.archive()
    with pytest.raises(ImageError, match="does not list contrib/binary-amd64"):
        digests(Archive(mirror=archive.mirror, components=("contrib",), epoch=0, releases=archive.releases))


def test_a_broken_list_is_named(mirror: Mirror) -> None:
    top = "http://mirror.example/debian/dists/trixie"
    release = mirror.content[f"{top}/InRelease"].decode()
    old = hashlib.sha256(mirror.content[f"{top}/{LIST}"]).hexdigest()
    mirror.put(f"{top}/{LIST}", b"no list")
    mirror.put(f"{top}/InRelease", release.replace(old, hashlib.sha256(b"no list").hexdigest()).encode())
    mirror.releases["trixie"] = hashlib.sha256(mirror.content[f"{top}/InRelease"]).hexdigest()
    with pytest.raises(ImageError, match="Input format not supported"):
        digests(mirror.archive())
