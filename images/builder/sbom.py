"""What an image is made of as a document of SPDX 2.3: the same image gives the same bytes.

Source: https://spdx.github.io/spdx-spec/v2.3/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from images.builder.licences import REFERENCE
from images.builder.packages import Kind, Package

MEDIA_TYPE: Final = "application/spdx+json"
NAMESPACE: Final = "https://bastide.dev/spdx"
NOTHING: Final = "NOASSERTION"
_DOCUMENT: Final = "SPDXRef-DOCUMENT"
_IMAGE: Final = "SPDXRef-Image"
_PURPOSE: Final = {"container": "CONTAINER", "disk": "OPERATING-SYSTEM", "guest": "OPERATING-SYSTEM"}
_REFERENCES: Final = re.compile(rf"{REFERENCE}[A-Za-z0-9.-]+")
_BUILT: Final = "built from the source package "
_ODD: Final = re.compile(r"[^A-Za-z0-9.]+")


def document(name: str, kind: str, digest: str, epoch: int, installed: Iterable[Package]) -> bytes:
    """The document of an image by name, kind and digest of its manifest (`sha256:...`).

    `epoch` is the date of its files, in seconds since 1970.
    """
    listed = sorted(set(installed))
    content = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{name}@{digest}",
        "documentNamespace": f"{NAMESPACE}/{name}/{digest.partition(':')[2]}",
        "creationInfo": {
            "created": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Organization: Bastide", "Tool: bastide-images"],
        },
        "packages": [_image(name, kind, digest), *map(_package, listed)],
        "relationships": [
            _relationship(_DOCUMENT, "DESCRIBES", _IMAGE),
            *(_relationship(_IMAGE, "CONTAINS", identifier(each)) for each in listed),
        ],
        "hasExtractedLicensingInfos": _extracted(listed),
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def packages(content: bytes) -> tuple[Package, ...]:
    """The packages that a document of ours lists."""
    listed = json.loads(content)["packages"]
    return tuple(_read(each) for each in listed if "externalRefs" in each)


def _read(listed: Mapping[str, Any]) -> Package:
    purl = urlsplit(listed["externalRefs"][0]["referenceLocator"])
    qualifiers = dict(parse_qsl(purl.query))
    source, _, version = listed.get("sourceInfo", "").removeprefix(_BUILT).partition(" ")
    declared = listed["licenseDeclared"]
    return Package(
        kind=cast(Kind, purl.path.partition("/")[0]),
        name=listed["name"],
        version=listed.get("versionInfo", ""),
        architecture=qualifiers.get("arch", ""),
        licence="" if declared == NOTHING else declared,
        source=source,
        source_version=version,
        distro=qualifiers.get("distro", ""),
    )


def identifier(package: Package) -> str:
    """The SPDX id of a package: readable, and unique by its package URL."""
    unique = hashlib.sha256(package.purl.encode()).hexdigest()[:12]
    return f"SPDXRef-{package.kind}-{_ODD.sub('-', package.name).strip('-')}-{unique}"


def _image(name: str, kind: str, digest: str) -> dict[str, Any]:
    return {
        "SPDXID": _IMAGE,
        "name": name,
        "versionInfo": digest,
        "supplier": "Organization: Bastide",
        "downloadLocation": NOTHING,
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest.partition(":")[2]}],
        "primaryPackagePurpose": _PURPOSE[kind],
        **_licence(""),
    }


def _package(package: Package) -> dict[str, Any]:
    return {
        "SPDXID": identifier(package),
        "name": package.name,
        **({"versionInfo": package.version} if package.version else {}),
        "supplier": "Organization: Debian" if package.kind == "deb" else NOTHING,
        "downloadLocation": NOTHING,
        "filesAnalyzed": False,
        **({"sourceInfo": f"{_BUILT}{package.source} {package.source_version}"} if package.source else {}),
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": package.purl,
            }
        ],
        **_licence(package.licence),
    }


def _licence(declared: str) -> dict[str, str]:
    return {"licenseConcluded": NOTHING, "licenseDeclared": declared or NOTHING, "copyrightText": NOTHING}


def _relationship(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _extracted(listed: Iterable[Package]) -> list[dict[str, str]]:
    """What SPDX asks of licences that it has no name for: where their text is."""
    users: dict[str, set[str]] = {}
    for package in listed:
        for reference in _REFERENCES.findall(package.licence):
            users.setdefault(reference, set()).add(package.name)
    return [
        {
            "licenseId": reference,
            "name": reference.removeprefix(REFERENCE),
            "extractedText": "The text is in the image, in the documentation of: " + ", ".join(sorted(names)),
        }
        for reference, names in sorted(users.items())
    ]
