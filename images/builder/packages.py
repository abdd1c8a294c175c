"""What an image is made of: the packages that its root file system says are installed.

Looked for are Debian's packages, Python's (`*.dist-info`), npm's (`node_modules`) and modules of Go programs.
What Debian's package manager brought is Debian's, whatever else describes it.
"""

from __future__ import annotations

import email.parser
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from images.builder import golang, licences
from images.builder.tree import Tree, opened

Kind: TypeAlias = Literal["deb", "generic", "golang", "npm", "pypi"]

_STATUS: Final = "var/lib/dpkg/status"
_LISTS: Final = re.compile(r"var/lib/dpkg/info/[^/]+\.list")
_PIECES: Final = re.compile(r"var/lib/dpkg/status\.d/[^/]+(?<!\.md5sums)")
_DIST_INFO: Final = re.compile(r"(?:.*/)?[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO)")
_MODULE: Final = re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json")
_OF_DEBIAN: Final = ("usr/lib/python3/dist-packages/", "usr/share/nodejs/")
"""Where only Debian's own packages put modules."""
_SOURCE: Final = re.compile(r"(\S+)(?: \((\S+)\))?")
_DOC: Final = "usr/share/doc"


@dataclass(frozen=True, kw_only=True, order=True)
class Package:
    """One installed package. `source` and `source_version` are those of Debian's source package.

    `licence` is an SPDX expression and `distro` names the release (`debian-13`): empty where unknown.
    """

    kind: Kind
    name: str
    version: str
    architecture: str = ""
    licence: str = ""
    source: str = ""
    source_version: str = ""
    distro: str = ""

    @property
    def purl(self) -> str:
        """Its package URL. Source: https://github.com/package-url/purl-spec"""
        qualifiers = {}
        name = self.name
        if self.kind == "deb":
            name = f"debian/{name}"
            qualifiers = {"arch": self.architecture, "distro": self.distro}
        elif self.kind == "pypi":
            name = re.sub(r"[-_.]+", "-", name.lower())
        elif self.kind == "golang":
            name = name.lower()
        version = f"@{_quoted(self.version)}" if self.version else ""
        listed = "&".join(f"{key}={_quoted(value)}" for key, value in sorted(qualifiers.items()) if value)
        return f"pkg:{self.kind}/{quote(name, safe='/-._~')}{version}{'?' if listed else ''}{listed}"


def _quoted(text: str) -> str:
    return quote(text, safe="-._~:")


def of_tree(root: Path, without: Sequence[str] = ()) -> tuple[Package, ...]:
    """All packages in a root file system, a tar archive or a folder, in order.

    `without` are Debian packages whose files the image does not keep: they are left out.
    """
    with opened(root) as tree:
        owned = _owned(tree)
        found = {each for each in _debian(tree) if each.name not in without}
        for path in tree.files:
            if path in owned or path.startswith(_OF_DEBIAN):
                continue
            if _DIST_INFO.fullmatch(path):
                found.update(_python(tree.read(path)))
            elif _MODULE.fullmatch(path):
                found.update(_npm(tree.read(path)))
            elif _program(tree, path):
                found.update(_golang(tree.read(path)))
    return tuple(sorted(found))


def _owned(tree: Tree) -> set[str]:
    """The paths that Debian's package manager put there, with and without the merged /usr."""
    lists = [tree.read(path) for path in tree.files if _LISTS.fullmatch(path)]
    named = {line[1:] for text in lists for line in text.decode(errors="replace").splitlines()}
    return named | {f"usr/{path}" for path in named}


def _program(tree: Tree, path: str) -> bool:
    return bool(tree.files[path] & 0o111) and tree.read(path, len(golang.ELF)) == golang.ELF


def _debian(tree: Tree) -> Iterator[Package]:
    distro = _distro(tree)
    paths = [path for path in tree.files if path == _STATUS or _PIECES.fullmatch(path)]
    for path in paths:
        for stanza in stanzas(tree.read(path).decode(errors="replace")):
            if stanza.get("Status", "install ok installed").split()[-1] != "installed":
                continue
            name, version = stanza["Package"], stanza["Version"]
            match = _SOURCE.match(stanza.get("Source", ""))
            yield Package(
                kind="deb",
                name=name,
                version=version,
                architecture=stanza["Architecture"],
                licence=licences.of_copyright(_copyright(tree, name)),
                source=match[1] if match else name,
                source_version=(match[2] if match else None) or version,
                distro=distro,
            )


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a Debian control file; of a field that goes on, the first line."""
    for paragraph in re.split(r"\n{2,}", text):
        pairs = (line.partition(":") for line in paragraph.splitlines() if not line.startswith((" ", "\t")))
        if found := {key: value.strip() for key, colon, value in pairs if colon}:
            yield found


def _distro(tree: Tree) -> str:
    for path in ("usr/lib/os-release", "etc/os-release"):
        if path in tree.files:
            lines = tree.read(path).decode(errors="replace").splitlines()
            fields = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
            return "-".join(filter(None, (fields.get("ID", ""), fields.get("VERSION_ID", ""))))
    return ""


def _copyright(tree: Tree, name: str) -> str:
    folder = f"{_DOC}/{name}"
    if target := tree.links.get(folder):
        folder = f"{_DOC}/{PurePosixPath(target).name}"
    path = f"{folder}/copyright"
    return tree.read(path).decode(errors="replace") if path in tree.files else ""


def _python(metadata: bytes) -> Iterator[Package]:
    fields = email.parser.BytesHeaderParser().parsebytes(metadata)
    if not (fields["Name"] and fields["Version"]):
        return
    words = fields["License-Expression"] or fields["License"] or ""
    short = str(words).strip() if "\n" not in str(words).strip() and len(str(words)) < 80 else ""
    licence = licences.expression(short) if short and short.upper() != "UNKNOWN" else ""
    yield Package(kind="pypi", name=str(fields["Name"]), version=str(fields["Version"]), licence=licence)


def _npm(content: bytes) -> Iterator[Package]:
    try:
        told = json.loads(content)
    except ValueError:
        return
    if not isinstance(told, Mapping) or not told.get("name") or not told.get("version"):
        return
    words = told.get("license")
    licence = licences.expression(words) if isinstance(words, str) and words.strip() else ""
    yield Package(kind="npm", name=str(told["name"]), version=str(told["version"]), licence=licence)


def _golang(program: bytes) -> Iterator[Package]:
    for name, version in golang.modules(program).items():
        yield Package(kind="golang", name=name, version="" if version == "(devel)" else version)
