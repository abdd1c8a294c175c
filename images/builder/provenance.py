"""How an image came to be: an in-toto statement with SLSA's provenance, the same for the same build.

Times of a build are left out on purpose: two builds of one image must agree on every byte.
Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from images.builder.archive import digest, digests
from images.builder.debian import MIRROR, Archive, suites
from images.builder.errors import ImageError
from images.builder.packages import Package

MEDIA_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://bastide.dev/images/build/v1"
BUILDER: Final = "https://bastide.dev/images/builder"


@dataclass(frozen=True, kw_only=True, order=True)
class Material:
    """Something that a build took in: `uri` is a package URL or an address, `digest` its SHA-256 in hex.

    Empty where the digest is not known: then it is listed by its name and version alone.
    """

    uri: str
    digest: str = ""

    def as_json(self) -> dict[str, Any]:
        """It as a resource descriptor of SLSA."""
        return {"uri": self.uri, **({"digest": {"sha256": self.digest}} if self.digest else {})}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What was asked for: `definition` is the SHA-256 of all that was written for the image, in hex.

    `inputs` is the key of all inputs together, `epoch` the date of the files in seconds since 1970.
    """

    name: str
    definition: str
    inputs: str
    epoch: int
    materials: tuple[Material, ...]
    builder: str = BUILDER


def materials(archive: Archive, packages: Sequence[Package], *, makers: bool = False) -> tuple[Material, ...]:
    """What an image of these packages took in: the archive's signed lists, and every package.

    Addresses are Debian's own, whichever mirror was asked: the digests say that it had the same. Raises
    `ImageError` where the mirror no longer has what the build began with, and for a package of Debian that is
    not in its lists, unless some come from `makers` of accelerators.
    """
    known = digests(archive)
    strange = [each.purl for each in packages if each.kind == "deb" and not digest(each, known)]
    if strange and not makers:
        raise ImageError(
            f"packages that the archive's lists do not have: {', '.join(strange)}",
            "build again, for the archive may have moved on; else find out where they come from",
        )
    lists = (
        Material(uri=f"{MIRROR}/{folder}/dists/{suite}/InRelease", digest=archive.releases[suite])
        for folder, suite in suites()
        if suite in archive.releases
    )
    return *lists, *(Material(uri=each.purl, digest=digest(each, known)) for each in packages)


def statement(origin: Origin, manifest: str, files: Mapping[str, str]) -> bytes:
    """The statement about an image: digests (`sha256:...`) of its manifest, and of its files by title."""
    content = {
        "_type": STATEMENT,
        "subject": [
            _subject(origin.name, manifest),
            *(_subject(f"{origin.name}/{title}", digest) for title, digest in sorted(files.items())),
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"image": origin.name},
                "internalParameters": {
                    "definition": origin.definition,
                    "inputs": origin.inputs,
                    "sourceDateEpoch": origin.epoch,
                },
                "resolvedDependencies": _dependencies(origin.materials),
            },
            "runDetails": {"builder": {"id": origin.builder}},
        },
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _subject(name: str, digest: str) -> dict[str, Any]:
    algorithm, _, value = digest.partition(":")
    return {"name": name, "digest": {algorithm: value}}


def _dependencies(materials: Iterable[Material]) -> list[dict[str, Any]]:
    return [each.as_json() for each in sorted(set(materials))]
