"""Which packages of an image are known to be weak, as far as there is data to ask.

With data of the operator's: what they tell. With a mirror: what its security suite has newer versions of.
With neither, nothing is scanned, and the result says so.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from images.builder import sbom
from images.builder.catalogue import Catalogue
from images.builder.debian import ARCHITECTURE, SUITE, fetch
from images.builder.errors import ImageError
from images.builder.layout import Layout
from images.builder.packages import Package, stanzas
from images.builder.versions import debian_older
from images.builder.vulnerabilities import SEVERITIES, Database, Finding, Severity

SUPERSEDED: Final = "superseded"
"""The id of a finding that the archive's security suite has a newer version."""
_SECURITY: Final = f"debian-security/dists/{SUITE}-security/main/binary-{ARCHITECTURE}/Packages.xz"


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What was found in one image: `asked` is what told, `unasked` kinds of packages nobody told of."""

    image: str
    digest: str
    packages: int
    asked: tuple[str, ...]
    unasked: tuple[str, ...]
    findings: tuple[Finding, ...]

    def failing(self, level: Severity) -> tuple[Finding, ...]:
        """The findings of this severity or a worse one; those nobody has judged count from `unknown` only."""
        least = SEVERITIES.index(level)
        return tuple(each for each in self.findings if SEVERITIES.index(each.severity) >= least)

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "image": self.image,
            "digest": self.digest,
            "packages": self.packages,
            "scanned": bool(self.asked),
            "asked": list(self.asked),
            "unasked": list(self.unasked),
            "findings": [asdict(each) for each in self.findings],
        }


def scan(
    store: Layout,
    catalogue: Catalogue,
    names: Iterable[str],
    database: Database | None = None,
    security: Mapping[str, str] | None = None,
) -> tuple[Scan, ...]:
    """Scan images of a store by their SBOMs; see `security_versions` for `security`. Raises `ImageError`."""
    found = []
    for name in names:
        entry = catalogue.entry(name)
        listed = sbom.packages(store.read(entry.sbom))
        found.append(judge(name, entry.digest, listed, database, security))
    return tuple(found)


def judge(
    image: str,
    digest: str,
    packages: Sequence[Package],
    database: Database | None,
    security: Mapping[str, str] | None,
) -> Scan:
    """What data and the archive have to say about packages; either may be None: not asked."""
    findings: set[Finding] = set()
    told: set[str] = set()
    if database is not None:
        findings.update(database.findings(packages))
        told |= database.kinds
    if security is not None:
        findings.update(superseded(packages, security))
        told.add("deb")
    asked = [("data", database), ("security suite", security)]
    return Scan(
        image=image,
        digest=digest,
        packages=len(packages),
        asked=tuple(name for name, source in asked if source is not None),
        unasked=tuple(sorted({each.kind for each in packages} - told)),
        findings=tuple(sorted(findings)),
    )


def superseded(packages: Iterable[Package], security: Mapping[str, str]) -> Iterable[Finding]:
    """Debian's packages that the security suite has newer versions of."""
    for package in packages:
        newest = security.get(package.name, "") if package.kind == "deb" else ""
        if newest and debian_older(package.version, newest):
            yield Finding(
                package=package.name, version=package.version, id=SUPERSEDED, severity="unknown", fixed=newest
            )


def security_versions(mirror: str) -> dict[str, str]:
    """The newest version of each package in the mirror's security suite; raises `ImageError`.

    The mirror is believed: nobody checks the archive's signature here, as every build does.
    """
    url = f"{mirror.rstrip('/')}/{_SECURITY}"
    try:
        text = lzma.decompress(fetch(url)).decode()
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise ImageError(f"mirror: {url} is no list of packages: {error}", "name another mirror") from error
    newest: dict[str, str] = {}
    for stanza in stanzas(text):
        name, version = stanza["Package"], stanza["Version"]
        if name not in newest or debian_older(newest[name], version):
            newest[name] = version
    return newest


def table(scans: Sequence[Scan]) -> str:
    """What was found, for people: a line for each finding, and what was not asked."""
    lines = [_line(scan.image, each) for scan in scans for each in scan.findings]
    for each in scans:
        if not each.asked:
            lines.append(f"{each.image}: NOT SCANNED: no data were given, no mirror was asked")
            continue
        missing = f"; nobody told of packages of kind {', '.join(each.unasked)}" if each.unasked else ""
        count = f"{len(each.findings)} findings in {each.packages} packages"
        lines.append(f"{each.image}: {count}, by {' and '.join(each.asked)}{missing}")
    return "\n".join(lines)


def _line(image: str, finding: Finding) -> str:
    mend = f"mended in {finding.fixed}" if finding.fixed else "not mended yet"
    return f"{image}: {finding.severity:10} {finding.id:20} {finding.package} {finding.version}: {mend}"
