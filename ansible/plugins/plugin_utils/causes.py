"""Why a step failed: recognised from what it said, told without secrets.

The table is `causes.yaml`; a cause is added there, with a line in tests/ansible/callback/test_causes.py.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import yaml

_TABLE = Path(__file__).with_name("causes.yaml")
_TEXTS = ("msg", "stderr", "module_stderr", "stdout", "module_stdout", "reason")
_LENGTH = 600  # characters of what a step said
_SECRET_NAME = re.compile(r"pass(word|phrase)?|token|secret|credential|private_?key", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_SECRET_TEXT = re.compile(
    r"(?P<head>\b(?:bearer|basic)\s+|[\w-]*(?:password|passphrase|token|secret)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"'@,;&}]+",
    re.IGNORECASE,
)
MASK = "********"
TOLD = "told"  # id of the cause of a step that only repeats what others have told


@dataclass(frozen=True)
class Cause:
    """A cause: what shows it (a pattern, ids of failed checks), what it means and what mends it."""

    id: str
    cause: str
    mend: str
    pattern: re.Pattern[str]
    checks: frozenset[str] = frozenset()


_NEVER = re.compile("(?!)")
UNKNOWN = Cause(
    "unknown", "", "read what the step said, mend it and run again; what is done stays done", _NEVER
)


def load(path: Path = _TABLE) -> list[Cause]:
    """The table, in the order in which the patterns are tried."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    flags = re.IGNORECASE | re.DOTALL
    return [
        Cause(
            row["id"],
            row["cause"],
            row["mend"],
            re.compile(row["matches"], flags),
            frozenset(row.get("checks", ())),
        )
        for row in rows
    ]


def said(result: Mapping[str, Any]) -> str:
    """What a failed step said, in one line; the failed ones of a loop each once."""
    parts = [str(result[key]).strip() for key in _TEXTS if result.get(key)]
    if result.get("url") and not any(str(result["url"]) in part for part in parts):
        parts.append(str(result["url"]))
    for item in result.get("results") or []:
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            parts.append(said(item))
    return re.sub(r"\s+", " ", "; ".join(dict.fromkeys(part for part in parts if part)))


def failed_checks(result: Mapping[str, Any]) -> dict[str, str]:
    """Id and mend of each failed check of the module bastide.nodes.validate."""
    checks = (result.get("report") or {}).get("checks") or []
    return {check["id"]: check.get("mend", "") for check in checks if check.get("status") == "failed"}


def recognise(
    text: str, table: Iterable[Cause], unreachable: bool = False, checks: Iterable[str] = ()
) -> Cause:
    """The cause that the failed checks name, else the first that the text shows.

    A host that is lost without a known text is `unreachable`, never unknown.
    """
    rows = list(table)
    for check in checks:
        for row in rows:
            if check in row.checks:
                return row
    found = next((row for row in rows if row.pattern.search(text)), None)
    if found is None and unreachable:
        found = next(row for row in rows if row.id == "unreachable")
    return found or UNKNOWN


def secrets(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Values of environment variables whose names speak of secrets, plain, base64 and URL-encoded."""
    forms: set[str] = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and len(value) >= 6:  # shorter ones would mask ordinary words
            raw = value.encode()
            encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
            forms |= {value, quote(value), quote(value, safe=""), quote_plus(value)}
            forms |= {form.decode().rstrip("=") for form in encoded}
    return sorted(forms, key=len, reverse=True)


def mask(text: str, known: Iterable[str] = ()) -> str:
    """The text without the known secrets and without what looks like one; where it is long, head and tail."""
    for secret in known:
        text = text.replace(secret, MASK)
    text = _LOGIN.sub(rf"\1:{MASK}@", text)
    text = _SECRET_TEXT.sub(lambda found: found["head"] + MASK, text)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 202] + " … " + text[-199:]
