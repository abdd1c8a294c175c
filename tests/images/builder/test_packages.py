"""Packages are read from a tree: Debian's, Python's, npm's and Go's, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from images.builder import golang, licences
from images.builder.packages import Package, of_tree
from tests.images.builder.trees import COPYRIGHT, archive, folder, go_program

PURLS = [
    "pkg:deb/debian/libc6@2.41-12%2Bb1?arch=amd64&distro=debian-13",
    "pkg:deb/debian/perl-base@5.40.1-6?arch=amd64&distro=debian-13",
    "pkg:deb/debian/tzdata@2025b-4%2Bdeb13u1?arch=all&distro=debian-13",
    "pkg:golang/example.org/tool",
    "pkg:golang/example.org/fork@v1.0.1",
    "pkg:golang/golang.org/x/net@v0.27.0",
    "pkg:golang/stdlib@1.24.4",
    "pkg:npm/%40acme/kit@3.0.0",
    "pkg:npm/left@1.3.0",
    "pkg:pypi/foo-bar@1.2%2Blocal",
]


def test_a_tree_tells_its_packages(tmp_path: Path) -> None:
    found = of_tree(folder(tmp_path))
    assert [each.purl for each in found] == PURLS
    libc, perl, tzdata = found[:3]
    assert (libc.source, libc.source_version) == ("glibc", "2.41-12")
    assert (perl.source, perl.source_version) == ("perl", "5.40.1-6")
    assert (tzdata.source, tzdata.source_version) == ("tzdata", "2025b-4+deb13u1")
    by_name = {each.name: each.licence for each in found}
    expected = "(GPL-1.0-or-later OR Artistic-1.0) AND LGPL-2.1-or-later AND LicenseRef-public-domain"
    assert by_name["libc6"] == expected
    assert by_name["perl-base"] == by_name["libc6"]  # its documentation is a link to another's
    assert by_name["tzdata"] == ""
    assert by_name["Foo_Bar"] == "MIT OR Apache-2.0"
    assert by_name["@acme/kit"] == "LicenseRef-SEE-LICENSE-IN-x"


def test_packages_that_are_dropped_are_left_out(tmp_path: Path) -> None:
    found = of_tree(folder(tmp_path), without=("perl-base", "left"))
    assert [each.purl for each in found] == [PURLS[0], *PURLS[2:]]  # `left` is no package of Debian


def test_an_archive_tells_the_same_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    assert of_tree(archive(tmp_path / "tree.tar")) == of_tree(folder(tmp_path / "tree"))


def test_pieces_of_a_status_are_read(tmp_path: Path) -> None:
    pieces = tmp_path / "var/lib/dpkg/status.d"
    pieces.mkdir(parents=True)
    (pieces / "base").write_text("Package: base-files\nVersion: 1:13.8\nArchitecture: amd64\n")
    (pieces / "base.md5sums").write_text("0123  Package: none\n")
    assert [each.purl for each in of_tree(tmp_path)] == ["pkg:deb/debian/base-files@1:13.8?arch=amd64"]


def test_an_empty_tree_has_no_packages(tmp_path: Path) -> None:
    assert of_tree(tmp_path) == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Expat", "MIT"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("GPL-1+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0"),
        ("Expat and BSD-3-clause", "MIT AND BSD-3-Clause"),
        ("Expat, ISC and Zlib", "MIT AND ISC AND Zlib"),
        ("Apache License 2.0", "Apache-2.0"),
        ("GPL-2+ with OpenSSL exception", "LicenseRef-GPL-2-with-OpenSSL-exception"),
        ("Expat, ISC or Zlib", "LicenseRef-Expat-ISC-or-Zlib"),
        ("(MIT AND ISC) OR Apache-2.0", "(MIT AND ISC) OR Apache-2.0"),
        ("(MIT OR Apache-2.0", "LicenseRef-MIT-OR-Apache-2.0"),
        ("MIT OR Unheard-1.0", "LicenseRef-MIT-OR-Unheard-1.0"),
        ("!?", "LicenseRef-unnamed"),
    ],
)
def test_words_for_licences(words: str, expected: str) -> None:
    assert licences.expression(words) == expected


def test_only_machine_readable_copyrights_are_read() -> None:
    assert licences.of_copyright(COPYRIGHT.replace("Format:", "Written:")) == ""


def test_what_is_no_program_of_go_has_no_modules() -> None:
    assert golang.modules(b"\x7fELF" + bytes(100)) == {}
    assert golang.modules(b"") == {}
    assert golang.modules(go_program(""))["stdlib"] == "1.24.4"


def test_a_program_of_go_that_ends_early_is_no_error() -> None:
    whole = go_program("mod\texample.org/tool\tv1\t\n")
    for end in range(len(whole)):
        assert set(golang.modules(whole[:end])) <= {"stdlib", "example.org/tool"}


def test_npm_and_pypi_names_keep_to_the_purl_rules() -> None:
    assert Package(kind="pypi", name="A.b__c", version="1").purl == "pkg:pypi/a-b-c@1"
    assert Package(kind="npm", name="@Acme/x", version="1").purl == "pkg:npm/%40Acme/x@1"
