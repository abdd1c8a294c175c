"""What is known of weak packages: Debian's security tracker or OSV, as files that the operator brought.

Sources: https://security-tracker.debian.org/tracker/data/json (one JSON file),
https://ossf.github.io/osv-schema/ (a JSON file for each record, or a zip archive of them).
"""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from images.builder.errors import ImageError
from images.builder.packages import Kind, Package
from images.builder.versions import debian_older, semantic_older

Severity: TypeAlias = Literal["unknown", "negligible", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""From the least; `unknown` is what nobody has judged."""

_WORDS: Final[Mapping[str, Severity]] = {
    "unimportant": "negligible",
    "low": "low",
    "medium": "medium",
    "moderate": "medium",
    "high": "high",
    "critical": "critical",
}
_KINDS: Final[Mapping[str, Kind]] = {"Debian:13": "deb", "PyPI": "pypi", "npm": "npm", "Go": "golang"}
_RELEASE: Final = "trixie"
_MEND: Final = (
    "give a folder or file with Debian's tracker (`json`) or records of OSV (`*.json`, `all.zip`), unchanged"
)


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """A package that is known to be weak, or that the archive has a newer version of.

    `fixed` is the first version without the weakness, empty where there is none yet.
    """

    package: str
    version: str
    id: str
    severity: Severity
    fixed: str = ""


@dataclass(frozen=True, kw_only=True)
class _Record:
    id: str
    severity: Severity
    fixed: str
    holds: Callable[[str], bool]
    """Whether a version is weak."""


class Database:
    """Records by kind and name of packages; Debian's by source package."""

    def __init__(self) -> None:
        self._records: dict[tuple[Kind, str], list[_Record]] = defaultdict(list)
        self.kinds: set[Kind] = set()

    def findings(self, packages: Iterable[Package]) -> Iterator[Finding]:
        """What is known of the packages."""
        for package in packages:
            debian = package.kind == "deb"
            name = package.source if debian else _name(package.kind, package.name)
            version = package.source_version if debian else package.version.removeprefix("v")
            for record in self._records.get((package.kind, name), ()):
                if version and record.holds(version):
                    yield Finding(
                        package=package.name,
                        version=package.version,
                        id=record.id,
                        severity=record.severity,
                        fixed=record.fixed,
                    )

    def add(self, content: Any) -> bool:
        """Take a document in; False where it is of neither form."""
        if isinstance(content, Mapping) and "id" in content and "modified" in content:
            self._add_osv(content)
            return True
        if isinstance(content, Mapping) and content and all(map(_is_source, content.values())):
            self._add_tracker(content)
            return True
        return False

    def _add_tracker(self, sources: Mapping[str, Any]) -> None:
        self.kinds.add("deb")
        for source, weaknesses in sources.items():
            for name, told in weaknesses.items():
                state = told.get("releases", {}).get(_RELEASE)
                if state and (state["status"] == "open" or state.get("fixed_version")):
                    self._records[("deb", source)].append(_tracked(name, state))

    def _add_osv(self, record: Mapping[str, Any]) -> None:
        for affected in record.get("affected", ()):
            named = affected.get("package", {})
            kind = _KINDS.get(named.get("ecosystem", ""))
            if kind is None:
                continue
            self.kinds.add(kind)
            if not record.get("withdrawn"):
                self._records[(kind, _name(kind, named["name"]))].append(_osv(record, affected, kind))


def read(path: Path) -> Database:
    """The database in a file or folder. Raises `ImageError` where there is none, or of no known form."""
    database, count = Database(), 0
    try:
        for name, content in _documents(path):
            count += 1
            if not database.add(json.loads(content)):
                raise ImageError(f"{name}: is neither Debian's security tracker nor a record of OSV", _MEND)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ImageError(f"{path}: cannot be read: {error!r}", _MEND) from error
    if not count:
        raise ImageError(f"{path}: holds no data on vulnerabilities", _MEND)
    return database


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if each.suffix == ".zip":
            with zipfile.ZipFile(each) as archive:
                for name in archive.namelist():
                    if name.endswith(".json"):
                        yield f"{each}:{name}", archive.read(name)
        elif each.is_file() and (each == path or each.suffix == ".json" or each.name == "json"):
            yield str(each), each.read_bytes()


def _is_source(told: Any) -> bool:
    """Whether it is what the tracker has of a source package: a mapping of weaknesses with releases."""
    return isinstance(told, Mapping) and all(
        isinstance(each, Mapping) and isinstance(each.get("releases"), Mapping) for each in told.values()
    )


def _tracked(name: str, state: Mapping[str, Any]) -> _Record:
    fixed = state.get("fixed_version", "") if state["status"] == "resolved" else ""
    return _Record(
        id=name,
        severity=_severity(state.get("urgency", "")),
        fixed=fixed,
        holds=lambda version: not fixed or debian_older(version, fixed),
    )


def _osv(record: Mapping[str, Any], affected: Mapping[str, Any], kind: Kind) -> _Record:
    told = {**record.get("database_specific", {}), **affected.get("ecosystem_specific", {})}
    spans = [_spans(each["events"]) for each in affected.get("ranges", ()) if each["type"] != "GIT"]
    listed = frozenset(affected.get("versions", ()))
    older = debian_older if kind == "deb" else semantic_older
    flat = [span for each in spans for span in each]

    def holds(version: str) -> bool:
        if version in listed:
            return True
        return kind != "pypi" and any(_within(version, span, older) for span in flat)

    fixed = next((span[1] for span in reversed(flat) if span[1]), "")
    return _Record(
        id=str(record["id"]),
        severity=_severity(str(told.get("urgency") or told.get("severity") or "")),
        fixed=fixed,
        holds=holds,
    )


_Span: TypeAlias = tuple[str, str, str]
"""First weak version (`0`: all), first version without, last weak version; empty where not told."""


def _spans(events: Iterable[Mapping[str, str]]) -> list[_Span]:
    found: list[_Span] = []
    for event in events:
        if "introduced" in event:
            found.append((event["introduced"], "", ""))
        elif found:
            start, fixed, last = found[-1]
            found[-1] = (start, event.get("fixed", fixed), event.get("last_affected", last))
    return found


def _within(version: str, span: _Span, older: Callable[[str, str], bool | None]) -> bool:
    """Whether a version lies in a span; one that cannot be compared does: rather told than missed."""
    start, fixed, last = span
    before = start != "0" and older(version, start) is True
    behind = (fixed and older(version, fixed) is False) or (last and older(last, version) is True)
    return not before and not behind


def _severity(word: str) -> Severity:
    return _WORDS.get(word.strip("*").lower(), "unknown")


def _name(kind: Kind, name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-") if kind == "pypi" else name
