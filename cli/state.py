"""Is a stack's state fit to work with? Read before every operation on a file backend.

The engine reports a damaged state file as a JSON error at best. Here it is named with the newest good copy:
the engine keeps `<stack>.json.bak` and, per update, a copy under `.pulumi/backups`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FORMAT = 3
"""The version of the engine's checkpoint format."""


@dataclass(frozen=True, kw_only=True)
class StateProblem:
    """A state file that must not be worked with; `backup` is the newest copy that is sound."""

    file: Path
    problem: str
    backup: Path | None

    @property
    def mend(self) -> str:
        if self.backup is None:
            return f"no sound backup exists: move {self.file} away; the next `up` adopts what it finds"
        return f"cp '{self.backup}' '{self.file}', then `pulumi refresh` brings it up to date"

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}; mend: {self.mend}"


def inspect_state(backend: Path, project: str, stack: str) -> list[StateProblem]:
    """The problems of a stack's state in a file backend; empty where it is sound or was never written.

    `backend` is the folder that the backend's `file://` URL names.
    """
    home = backend / ".pulumi"
    file = home / "stacks" / project / f"{stack}.json"
    copies = _copies(home, project, stack, file)
    problem = _problem(file) if file.exists() else ("is gone, though backups exist" if copies else "")
    if not problem:
        return []
    sound = (copy for copy in copies if not _problem(copy))
    return [StateProblem(file=file, problem=problem, backup=next(sound, None))]


def _copies(home: Path, project: str, stack: str, file: Path) -> list[Path]:
    """The copies of a state file, newest first."""
    kept = (home / "backups" / project / stack).glob(f"{stack}.*.json")
    bak = file.with_name(file.name + ".bak")
    found = [path for path in (bak, *kept) if path.exists()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _problem(file: Path) -> str:
    """What is wrong with a state file, in a few words; empty where it is sound."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read: {error}"
    if not text.strip():
        return "is empty"
    try:
        document = json.loads(text)
    except ValueError as error:
        return f"is cut off or damaged: {error} (of {len(text)} characters)"
    return next(_wrong(document), "")


def _wrong(document: Any) -> Iterator[str]:
    if not isinstance(document, dict) or not isinstance(document.get("checkpoint"), dict):
        yield "holds no checkpoint"
        return
    if document.get("version") != _FORMAT:
        yield f"has version {document.get('version')!r}; this engine reads {_FORMAT}"
        return
    known: set[str] = set()
    for resource in (document["checkpoint"].get("latest") or {}).get("resources") or ():
        urn = resource.get("urn")
        if not urn:
            yield "holds a resource without a urn"
        needed = [resource.get("parent"), *(resource.get("dependencies") or ())]
        for other in needed:
            if other and other not in known:
                yield f"{urn} refers to {other}, which does not come before it"
        known.add(str(urn))
