"""The digests of Debian's packages, as the archive's own lists have them.

The lists are those that the InRelease files name by digest, and these the ones that the build began with.
"""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, TypeAlias

from images.builder.debian import ARCHITECTURE, Archive, fetch, suites
from images.builder.errors import ImageError
from images.builder.packages import Package

Key: TypeAlias = tuple[str, str, str]
"""Name, version, architecture."""

_SUMS: Final = re.compile(r"^SHA256:\n((?: .*\n)+)", re.MULTILINE)
_FIELDS: Final = re.compile(r"^(Package|Version|Architecture|SHA256): (\S+)$", re.MULTILINE)
_MEND: Final = "the mirror changes or is broken: build again, or name another mirror"


def digests(archive: Archive) -> Mapping[Key, str]:
    """SHA-256 in hex of every package of the archive; asked once a run. Raises `ImageError`."""
    return _digests(archive.mirror, archive.components, tuple(sorted(archive.releases.items())))


def digest(package: Package, known: Mapping[Key, str]) -> str:
    """The digest of an installed package of Debian; empty where the archive has no such version."""
    if package.kind != "deb":
        return ""
    return known.get((package.name, package.version, package.architecture), "")


@cache
def _digests(
    mirror: str, components: tuple[str, ...], releases: tuple[tuple[str, str], ...]
) -> Mapping[Key, str]:
    found: dict[Key, str] = {}
    folders = {suite: folder for folder, suite in suites()}
    for suite, release in ((name, each) for name, each in releases if name in folders):
        top = f"{mirror}/{folders[suite]}/dists/{suite}"
        sums = _sums(_checked(f"{top}/InRelease", release).decode(errors="replace"))
        for component in components:
            path = f"{component}/binary-{ARCHITECTURE}/Packages.xz"
            if path not in sums:
                raise ImageError(f"mirror: {top}/InRelease does not list {path}", _MEND)
            found.update(_listed(f"{top}/{path}", sums[path]))
    return found


def _sums(release: str) -> dict[str, str]:
    """Digests by path in an InRelease."""
    match = _SUMS.search(release)
    rows = (line.split() for line in (match[1] if match else "").splitlines())
    return {row[2]: row[0] for row in rows if len(row) == 3}


def _listed(url: str, expected: str) -> Iterator[tuple[Key, str]]:
    try:
        text = lzma.decompress(_checked(url, expected)).decode(errors="replace")
    except lzma.LZMAError as error:
        raise ImageError(f"mirror: {url}: {error}", _MEND) from error
    for paragraph in text.split("\n\n"):
        fields = dict(_FIELDS.findall(paragraph))
        if len(fields) == 4:
            yield (fields["Package"], fields["Version"], fields["Architecture"]), fields["SHA256"]


def _checked(url: str, expected: str) -> bytes:
    content = fetch(url)
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise ImageError(f"mirror: {url} is {found}, not {expected} as when the build began", _MEND)
    return content
