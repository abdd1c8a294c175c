"""SBOM and provenance: complete as SPDX 2.3 and SLSA want them, and the same for the same image."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from images.builder import provenance, sbom
from images.builder.packages import of_tree
from images.builder.provenance import Material, Origin, statement
from tests.images.builder.trees import folder

DIGEST = "sha256:" + "ab" * 32
EPOCH = 1757754000
HEX = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(name="content")
def _content(tmp_path: Path) -> bytes:
    return sbom.document("code", "container", DIGEST, EPOCH, of_tree(folder(tmp_path)))


@pytest.fixture(name="document")
def _document(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    return document


def test_the_document_says_what_spdx_asks_for(document: dict[str, Any]) -> None:
    """Clause 6: the fields of which each document has exactly one."""
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["dataLicense"] == "CC0-1.0"
    assert document["SPDXID"] == "SPDXRef-DOCUMENT"
    assert document["name"] == f"code@{DIGEST}"
    assert document["documentNamespace"] == f"https://bastide.dev/spdx/code/{'ab' * 32}"
    assert document["creationInfo"]["created"] == "2025-09-13T09:00:00Z"
    assert all(
        re.match(r"(Person|Organization|Tool): \S", each) for each in document["creationInfo"]["creators"]
    )


def test_each_package_says_what_spdx_asks_for(document: dict[str, Any]) -> None:
    """Clause 7: ids, names, places; without files no verification code."""
    packages = document["packages"]
    assert len(packages) == 11
    ids = [each["SPDXID"] for each in packages]
    assert len(set(ids)) == len(ids)
    for each in packages:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each["SPDXID"])
        assert each["name"]
        assert each["downloadLocation"] == "NOASSERTION"
        assert each["filesAnalyzed"] is False
        assert "packageVerificationCode" not in each
        assert re.match(r"(Person|Organization): \S|NOASSERTION$", each["supplier"])
        for reference in each.get("externalRefs", []):
            assert reference["referenceCategory"] == "PACKAGE-MANAGER"
            assert reference["referenceType"] == "purl"
            assert reference["referenceLocator"].startswith("pkg:")
    image = packages[0]
    assert (image["name"], image["versionInfo"]) == ("code", DIGEST)
    assert image["checksums"] == [{"algorithm": "SHA256", "checksumValue": "ab" * 32}]
    assert image["primaryPackagePurpose"] == "CONTAINER"


def test_every_reference_to_a_licence_is_explained(document: dict[str, Any]) -> None:
    """Clause 10: other licensing information."""
    used = {
        name
        for each in document["packages"]
        for name in re.findall(r"LicenseRef-[A-Za-z0-9.-]+", each["licenseDeclared"])
    }
    explained = {each["licenseId"]: each["extractedText"] for each in document["hasExtractedLicensingInfos"]}
    assert set(explained) == used == {"LicenseRef-public-domain", "LicenseRef-SEE-LICENSE-IN-x"}
    assert "libc6, perl-base" in explained["LicenseRef-public-domain"]


def test_relationships_lead_from_the_document_to_all_packages(document: dict[str, Any]) -> None:
    """Clause 11: the document describes the image, which contains all others."""
    ids = {each["SPDXID"] for each in document["packages"]}
    first, *others = document["relationships"]
    assert first["relationshipType"] == "DESCRIBES"
    assert {each["relatedSpdxElement"] for each in document["relationships"]} == ids
    assert {each["relationshipType"] for each in others} == {"CONTAINS"}
    assert {each["spdxElementId"] for each in others} == {first["relatedSpdxElement"]}


def test_the_same_packages_in_another_order_give_the_same_bytes(content: bytes, tmp_path: Path) -> None:
    found = of_tree(tmp_path)
    assert sbom.document("code", "container", DIGEST, EPOCH, reversed([*found, found[0]])) == content


def test_a_document_gives_its_packages_back(content: bytes, tmp_path: Path) -> None:
    assert sbom.packages(content) == of_tree(tmp_path)


ORIGIN = Origin(
    name="code",
    definition="cd" * 32,
    inputs="ef" * 32,
    epoch=EPOCH,
    materials=(
        Material(uri="http://deb.debian.org/debian/dists/trixie/InRelease", digest="12" * 32),
        Material(uri="pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13", digest="34" * 32),
        Material(uri="pkg:pypi/left@1"),
    ),
)


def test_the_statement_is_one_of_in_toto_with_slsa_provenance() -> None:
    told = json.loads(statement(ORIGIN, DIGEST, {"layer": "sha256:" + "78" * 32}))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    assert [each["name"] for each in told["subject"]] == ["code", "code/layer"]
    assert all(HEX.fullmatch(each["digest"]["sha256"]) for each in told["subject"])
    built = told["predicate"]["buildDefinition"]
    assert built["buildType"] == provenance.BUILD_TYPE
    assert built["externalParameters"] == {"image": "code"}
    assert built["internalParameters"]["definition"] == "cd" * 32
    assert told["predicate"]["runDetails"]["builder"]["id"] == provenance.BUILDER
    assert {each["uri"]: each.get("digest") for each in built["resolvedDependencies"]} == {
        "http://deb.debian.org/debian/dists/trixie/InRelease": {"sha256": "12" * 32},
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13": {"sha256": "34" * 32},
        "pkg:pypi/left@1": None,
    }


def test_the_statement_has_no_times_of_the_build() -> None:
    told = json.loads(statement(ORIGIN, DIGEST, {}))
    assert set(told["predicate"]["runDetails"]) == {"builder"}
