"""How an image came to be: an in-toto statement with SLSA's provenance, the same for the same build.

Times of a build are left out on purpose: two builds of one image must agree on every byte.
Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MEDIA_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://bastide.dev/images/build/v1"
BUILDER: Final = "https://bastide.dev/images/builder"


@dataclass(frozen=True, kw_only=True, order=True)
class Material:
    """Something that a build took in: `uri` is a package URL or an address, `digest` hex by algorithm.

    Empty where the digest is not known: then it is listed by its name and version alone.
    """

    uri: str
    algorithm: str = "sha256"
    digest: str = ""

    def as_json(self) -> dict[str, Any]:
        known = {"digest": {self.algorithm: self.digest}} if self.digest else {}
        return {"uri": self.uri, **known}


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


def git(address: str, commit: str) -> Material:
    """The commit that a definition was read from."""
    return Material(uri=f"git+{address}", algorithm="gitCommit", digest=commit)


def releases(mirror: str, digests: Mapping[str, str]) -> tuple[Material, ...]:
    """The signed lists of an archive, `InRelease`, by suite: SHA-256 in hex."""
    return tuple(
        Material(uri=f"{mirror}/dists/{suite}/InRelease", digest=digest)
        for suite, digest in sorted(digests.items())
    )


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
