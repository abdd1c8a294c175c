"""This machine's own apt sources: where test machines get their packages from, through the lab's mirror."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.nodes.places import LabError

APT = Path("/etc/apt")
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)$")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One archive: its address, suites, components and the file of its keys."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str

    def render(self, uri: str) -> str:
        """The deb822 stanza of this source, read from `uri` instead."""
        lines = {
            "Types": "deb",
            "URIs": uri,
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            "Signed-By": self.signed_by,
        }
        return "".join(f"{key}: {value}\n" for key, value in lines.items())


def codename() -> str:
    """The Debian release that runs here: test machines are of the same one."""
    fields = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    if fields.get("ID", "").strip('"') != "debian":
        raise LabError("test machines are made from Debian's own archives: run this on Debian 12 or 13")
    return fields["VERSION_CODENAME"].strip('"')


def read(folder: Path = APT, release: str = "") -> list[Source]:
    """The Debian sources in `folder` that hold `release`; raises LabError where there are none."""
    release = release or codename()
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found = [
        source
        for file in files
        if file.is_file() and file.suffix in (".list", ".sources")
        for source in (_stanzas if file.suffix == ".sources" else _lines)(file.read_text())
        if all(suite.startswith(release) for suite in source.suites) and "main" in source.components
    ]
    if not found:
        raise LabError(f"no Debian archive of {release} is named in {folder}: add it to sources.list")
    return found


def _stanzas(text: str) -> Iterator[Source]:
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", bare):
        fields = {
            key.lower(): value.strip() for key, _, value in (x.partition(":") for x in stanza.split("\n"))
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        yield Source(
            uri=fields["uris"].split()[0].rstrip("/"),
            suites=tuple(fields["suites"].split()),
            components=tuple(fields.get("components", "").split()),
            signed_by=_keys(fields.get("signed-by", "")),
        )


def _lines(text: str) -> Iterator[Source]:
    for found in filter(None, map(_ONE_LINE.match, text.splitlines())):
        options = dict(x.split("=", 1) for x in (found["options"] or "").split() if "=" in x)
        yield Source(
            uri=found["uri"].rstrip("/"),
            suites=(found["suite"],),
            components=tuple(found["rest"].split("#")[0].split()),
            signed_by=_keys(options.get("signed-by", "")),
        )


def _keys(path: str) -> str:
    """The key file as a fresh Debian has it: the archive's own, where none or another one is named."""
    ours = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return path if path.startswith("/usr/share/keyrings/debian-archive-") else ours
