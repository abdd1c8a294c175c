"""Weak packages are found by the data that the operator has, and what was not asked is told."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from images.builder import scan as scanning
from images.builder.catalogue import Catalogue
from images.builder.errors import ImageError
from images.builder.packages import Package
from images.builder.scan import SUPERSEDED, judge, scan, security_versions, table
from images.builder.versions import debian_older, semantic_older
from images.builder.vulnerabilities import Finding, read
from tests.images.builder.stores import store

LIBC = Package(
    kind="deb",
    name="libc6",
    version="2.41-12+b1",
    source="glibc",
    source_version="2.41-12",
    distro="debian-13",
)
PYPI = Package(kind="pypi", name="Foo_Bar", version="1.2")
NPM = Package(kind="npm", name="left", version="1.3.0")
GO = Package(kind="golang", name="golang.org/x/net", version="v0.27.0")
PACKAGES = (LIBC, PYPI, NPM, GO)
TRACKER = {
    "glibc": {
        "CVE-2026-1": {"releases": {"trixie": {"status": "open", "urgency": "unimportant"}}},
        "CVE-2026-2": {
            "releases": {
                "trixie": {"status": "resolved", "fixed_version": "2.41-12+deb13u1", "urgency": "high**"},
                "sid": {"status": "open", "urgency": "high"},
            }
        },
        "CVE-2026-3": {"releases": {"trixie": {"status": "resolved", "fixed_version": "2.41-12"}}},
        "CVE-2026-4": {"releases": {"trixie": {"status": "resolved", "fixed_version": "0"}}},
        "CVE-2026-5": {"releases": {"sid": {"status": "open", "urgency": "high"}}},
        "CVE-2026-6": {"releases": {"trixie": {"status": "undetermined", "urgency": "not yet assigned"}}},
    },
    "openssl": {"CVE-2026-7": {"releases": {"trixie": {"status": "open", "urgency": "low"}}}},
}
OF_TRACKER = {
    Finding(package="libc6", version="2.41-12+b1", id="CVE-2026-1", severity="negligible"),
    Finding(package="libc6", version="2.41-12+b1", id="CVE-2026-2", severity="high", fixed="2.41-12+deb13u1"),
}


def osv(number: int, ecosystem: str, name: str, **affected: Any) -> dict[str, Any]:
    package = {"ecosystem": ecosystem, "name": name}
    return {
        "id": f"OSV-{number}",
        "modified": "2026-11-01T00:00:00Z",
        "affected": [{"package": package, **affected}],
    }


def span(*events: dict[str, str], kind: str = "SEMVER") -> list[dict[str, Any]]:
    return [{"type": kind, "events": list(events)}]


RECORDS = [
    osv(
        1,
        "Debian:13",
        "glibc",
        ranges=span({"introduced": "0"}, {"fixed": "2.41-12+deb13u2"}, kind="ECOSYSTEM"),
        ecosystem_specific={"urgency": "low"},
    ),
    osv(2, "Debian:12", "glibc", ranges=span({"introduced": "0"}, kind="ECOSYSTEM")),
    osv(3, "PyPI", "foo.bar", versions=["1.1", "1.2"]),
    osv(4, "PyPI", "foo-bar", versions=["1.3"], ranges=span({"introduced": "0"}, kind="ECOSYSTEM")),
    {**osv(5, "npm", "left", versions=["1.3.0"]), "withdrawn": "2026-11-02T00:00:00Z"},
    osv(6, "npm", "left", ranges=span({"introduced": "1.3.0-rc.1"}, {"last_affected": "1.3.0"})),
    osv(7, "npm", "left", ranges=span({"introduced": "0"}, {"fixed": "1.3.0"})),
    {
        **osv(8, "Go", "golang.org/x/net", ranges=span({"introduced": "0"}, {"fixed": "0.28.0"})),
        "database_specific": {"severity": "MODERATE"},
    },
    osv(9, "Go", "golang.org/x/net", ranges=span({"introduced": "0.28.0"})),
    osv(10, "Go", "golang.org/x/net", ranges=span({"introduced": "0"}, kind="GIT")),
    osv(11, "crates.io", "left", versions=["1.3.0"]),
]


def test_the_tracker_is_asked_by_source_and_release(tmp_path: Path) -> None:
    (tmp_path / "json").write_text(json.dumps(TRACKER))
    for path in (tmp_path, tmp_path / "json"):
        found = judge("code", "sha256:1", PACKAGES, read(path), None)
        assert set(found.findings) == OF_TRACKER
        assert found.asked == ("data",)
        assert found.unasked == ("golang", "npm", "pypi")


def test_records_of_osv_are_asked_by_ecosystem(tmp_path: Path) -> None:
    for record in RECORDS:
        (tmp_path / f"{record['id']}.json").write_text(json.dumps(record))
    found = judge("code", "sha256:1", PACKAGES, read(tmp_path), None)
    assert {(each.package, each.id, each.severity, each.fixed) for each in found.findings} == {
        ("libc6", "OSV-1", "low", "2.41-12+deb13u2"),
        ("Foo_Bar", "OSV-3", "unknown", ""),
        ("left", "OSV-6", "unknown", ""),
        ("golang.org/x/net", "OSV-8", "medium", "0.28.0"),
    }
    assert found.unasked == ()


def test_an_archive_of_records_tells_the_same(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "zip").mkdir()
    with zipfile.ZipFile(tmp_path / "zip" / "all.zip", "w") as archive:
        for record in RECORDS:
            archive.writestr(f"{record['id']}.json", json.dumps(record))
            (tmp_path / "folder" / f"{record['id']}.json").write_text(json.dumps(record))
    one, other = (judge("code", "", PACKAGES, read(tmp_path / name), None) for name in ("folder", "zip"))
    assert one == other


def test_what_the_security_suite_has_newer_is_told() -> None:
    versions = {"libc6": "2.41-12+deb13u1", "left": "9"}
    found = judge("code", "", PACKAGES, None, versions)
    assert found.findings == (
        Finding(
            package="libc6", version="2.41-12+b1", id=SUPERSEDED, severity="unknown", fixed="2.41-12+deb13u1"
        ),
    )
    assert found.asked == ("security suite",)
    assert judge("code", "", PACKAGES, None, {"libc6": "2.41-12+b1"}).findings == ()


def test_nothing_asked_is_told_as_not_scanned() -> None:
    found = judge("code", "sha256:1", PACKAGES, None, None)
    assert found.as_json() == {
        "image": "code",
        "digest": "sha256:1",
        "packages": 4,
        "scanned": False,
        "asked": [],
        "unasked": ["deb", "golang", "npm", "pypi"],
        "findings": [],
    }
    assert table([found]) == "code: NOT SCANNED: no data were given, no mirror was asked"


def test_the_table_has_each_finding_and_what_nobody_told(tmp_path: Path) -> None:
    (tmp_path / "tracker.json").write_text(json.dumps(TRACKER))
    found = judge("code", "", PACKAGES, read(tmp_path), {})
    lines = table([found]).splitlines()
    assert len(lines) == 3
    assert "CVE-2026-1" in lines[0]
    assert lines[0].endswith("libc6 2.41-12+b1: not mended yet")
    assert lines[1].endswith("libc6 2.41-12+b1: mended in 2.41-12+deb13u1")
    assert lines[2] == (
        "code: 2 findings in 4 packages, by data and security suite; "
        "nobody told of packages of kind golang, npm, pypi"
    )


def test_a_level_fails_what_is_as_bad_or_worse(tmp_path: Path) -> None:
    (tmp_path / "tracker.json").write_text(json.dumps(TRACKER))
    found = judge("code", "", PACKAGES, read(tmp_path), {"libc6": "3"})
    counts = {level: len(found.failing(level)) for level in ("unknown", "negligible", "high", "critical")}
    assert counts == {"unknown": 3, "negligible": 2, "high": 1, "critical": 0}


def test_images_of_a_store_are_scanned_by_their_sbom(tmp_path: Path) -> None:
    layout = store(tmp_path)
    catalogue = Catalogue.read(tmp_path)
    code, node = scan(layout, catalogue, ["code", "node-generic"], security={"libc6": "2.41-13"})
    assert (code.image, code.digest) == ("code", catalogue.images["code"].digest)
    assert [each.id for each in node.findings] == [SUPERSEDED]
    with pytest.raises(ImageError, match="no image moon"):
        scan(layout, catalogue, ["moon"])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", "{", "cannot be read"),
        ("a.json", "[]", "a.json: is neither"),
        ("a.json", "{}", "a.json: is neither"),
        ("a.json", '{"glibc": 1}', "a.json: is neither"),
        (
            "a.json",
            '{"glibc": {"CVE-1": {"releases": {"trixie": {"urgency": "low"}}}}}',
            "cannot be read: KeyError",
        ),
        ("a.json", '{"id": "x", "modified": "y", "affected": [1]}', "cannot be read"),
        ("a.zip", "PK", "cannot be read: BadZipFile"),
        ("readme.txt", "hello", "holds no data"),
    ],
)
def test_data_of_no_known_form_are_refused(name: str, content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ImageError) as refused:
        read(tmp_path)
    assert expected in refused.value.problem


def test_data_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="missing: holds no data on vulnerabilities"):
        read(tmp_path / "missing")


def test_the_newest_of_several_versions_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"Package: bash\nVersion: {version}\n\n" for version in ("5.2-9", "5.2-10", "5.2-2"))
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return lzma.compress(text.encode())

    monkeypatch.setattr(scanning, "fetch", fetch)
    assert security_versions("http://mirror.example/") == {"bash": "5.2-10"}
    suite = "debian-security/dists/trixie-security/main/binary-amd64/Packages.xz"
    assert asked == [f"http://mirror.example/{suite}"]
    monkeypatch.setattr(scanning, "fetch", lambda url: b"<html>")
    with pytest.raises(ImageError, match="is no list of packages"):
        security_versions("http://mirror.example")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0+b1"),
        ("1.0-1", "1.0-1+deb13u1"),
        ("1.0-9", "1.0-10"),
        ("9:1", "10:0"),
        ("2.0", "1:1.0"),
        ("1.0-1", "1.0.1-1"),
        ("1.2a", "1.2+"),
    ],
)
def test_debian_versions_are_ordered(one: str, other: str) -> None:
    assert debian_older(one, other)
    assert not debian_older(other, one)
    assert not debian_older(one, one)


VERSIONS = st.from_regex(r"([0-9]:)?[0-9][0-9a-b.+~]{0,5}(-[0-9a-b.+~]{1,3})?", fullmatch=True)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed")
@settings(max_examples=60, deadline=None)
@given(one=VERSIONS, other=VERSIONS, tail=st.sampled_from(["", "~", "+", "0", "a", ".0"]))
def test_dpkg_orders_the_same(one: str, other: str, tail: str) -> None:
    for older, newer in ((one, other), (one, one + tail)):
        done = subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=False)
        assert debian_older(older, newer) == (done.returncode == 0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1.2.3", "1.2.10", True),
        ("v1.2.3", "1.2.3", False),
        ("1.0.0-rc.1", "1.0.0", True),
        ("1.0.0-rc.2", "1.0.0-rc.10", True),
        ("1.0.0-1", "1.0.0-alpha", True),
        ("1.0.0-alpha", "1.0.0-alpha.1", True),
        ("0.0.0-20230101000000-abcdef", "0.0.0-20240101000000-abcdef", True),
        ("1.24.4", "1.24", False),
        ("1.0.0+one", "1.0.0+two", False),
        ("master", "1.0.0", None),
    ],
)
def test_semantic_versions_are_ordered(one: str, other: str, expected: bool | None) -> None:
    assert semantic_older(one, other) is expected
