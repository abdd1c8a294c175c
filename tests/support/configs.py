"""Bad configurations as data: each case is a small change to the good environment of tests/model/good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

MODEL = Path(__file__).resolve().parent.parent / "model"
GOOD = MODEL / "good"
ENVIRONMENT = "site"
TODAY: Final = date(2026, 11, 15)
"""The day on which the cases are judged."""


class Today(date):
    """In place of `date` in a module that asks for the day."""

    @classmethod
    def today(cls) -> Today:
        return cls(TODAY.year, TODAY.month, TODAY.day)


@dataclass(frozen=True, kw_only=True)
class BadCase:
    """One case: what is changed, and every problem that must be found, no other."""

    name: str
    change: Mapping[str, Any]
    problems: list[dict[str, str]]

    def write(self, folder: Path) -> None:
        """Write the environment `site` with the fault into `folder`.

        `edit` replaces texts that occur exactly once, `write` gives a whole file, `hex` its bytes, `pad`
        appends so many bytes of comment, `cut` ends the file before a text, `remove` leaves it out.
        """
        files = {path.name.split(".")[2]: path.read_bytes() for path in GOOD.iterdir()}
        for layer, edits in self.change.get("edit", {}).items():
            text = files[layer].decode()
            for old, new in edits:
                assert text.count(old) == 1, f"{self.name}: {old!r} is {text.count(old)} times in {layer}"
                text = text.replace(old, new)
            files[layer] = text.encode()
        files |= {layer: text.encode() for layer, text in self.change.get("write", {}).items()}
        files |= {layer: bytes.fromhex(text) for layer, text in self.change.get("hex", {}).items()}
        for layer, end in self.change.get("cut", {}).items():
            files[layer] = files[layer].partition(end.encode())[0]
        for layer, size in self.change.get("pad", {}).items():
            files[layer] += b"#" * size
        for layer, source in self.change.get("copy", {}).items():
            files[layer] = files[source]
        for layer in self.change.get("remove", []):
            del files[layer]
        for layer, content in files.items():
            (folder / f"Pulumi.{ENVIRONMENT}.{layer}.yaml").write_bytes(content)


def bad_cases() -> list[BadCase]:
    """All cases of tests/model/bad, by name."""
    paths = sorted((MODEL / "bad").glob("*.yaml"))
    return [case for path in paths for case in _cases(path)]


def _cases(path: Path) -> list[BadCase]:
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        BadCase(name=f"{path.stem}-{name}", change=case["change"], problems=case["problems"])
        for name, case in listed.items()
    ]
