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
_SECRET_TEXT = re.compile(
    r"(?P<head>://[^/\s:@]*:|\b(?:bearer|basic)\s+|[\w-]*(?:password|passphrase|token|secret)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"'@,;&}]+",
    re.IGNORECASE,
)
MASK = "********"
TOLD = "told"  # id of the cause of a step that only repeats what others have told


@dataclass(frozen=True)
class Cause:
    """A recognised cause: its id, what it means, and what mends it."""

    id: str
    cause: str
    mend: str


UNKNOWN = Cause("unknown", "", "read what the step said, mend it and run again; what is done stays done")


def load(path: Path = _TABLE) -> list[tuple[re.Pattern[str], Cause]]:
    """The table: a pattern and its cause, in the order in which they are tried."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    flags = re.IGNORECASE | re.DOTALL
    return [(re.compile(row["matches"], flags), Cause(row["id"], row["cause"], row["mend"])) for row in rows]


def said(result: Mapping[str, Any]) -> str:
    """What a failed step said, in one line; the failed ones of a loop each once."""
    parts = [str(result[key]).strip() for key in _TEXTS if result.get(key)]
    for item in result.get("results") or []:
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            parts.append(said(item))
    return re.sub(r"\s+", " ", "; ".join(dict.fromkeys(part for part in parts if part)))


def own_mend(result: Mapping[str, Any]) -> str:
    """The mends that the checks of a role name themselves; empty where there are none."""
    checks = (result.get("report") or {}).get("checks") or []
    mends = [str(check.get("mend", "")) for check in checks if check.get("status") == "failed"]
    return " ".join(dict.fromkeys(mend for mend in mends if mend))


def recognise(text: str, table: Iterable[tuple[re.Pattern[str], Cause]], unreachable: bool = False) -> Cause:
    """The first cause of the table that the text shows; a lost host is never an unknown cause."""
    rows = list(table)
    found = next((cause for pattern, cause in rows if pattern.search(text)), None)
    if found is None and unreachable:
        found = next(cause for _, cause in rows if cause.id == "unreachable")
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
    """The text without the known secrets and without what looks like one, cut to a readable length."""
    for secret in known:
        text = text.replace(secret, MASK)
    text = _SECRET_TEXT.sub(lambda found: found["head"] + MASK, text)
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
