"""The Molecule scenarios: found by the roles that need them, run, and told by what they really tested."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from images.builder.namespaces import CONTAINED
from tests.support.plugins import COLLECTION

CASES = ("default", "alternative")
_LIMIT = 2700
"""Seconds after which a scenario is ended and failed."""
_BAD = re.compile(r"^(fatal|failed|E  |FAILED|ERROR|CRITICAL|error:)|\[ERROR\]|UNREACHABLE|^\* .*=> ")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a scenario or a test."""

    name: str
    verdict: str  # passed | failed | skipped
    seconds: float
    note: str = ""

    def __str__(self) -> str:
        shown = self.verdict.upper() if self.verdict == "failed" else self.verdict
        return f"== {self.name}: {shown} in {self.seconds:.0f} s{f' ({self.note})' if self.note else ''}"


def wanted(collection: Path = COLLECTION) -> list[str]:
    """The scenarios that must be there: two for every role, and those that are there besides."""
    roles = sorted(path.parent.parent.name for path in collection.glob("roles/*/meta/argument_specs.yml"))
    there = {path.parent.name for path in collection.glob("extensions/molecule/*/molecule.yml")}
    every = there | {f"{role}_{case}" for role in roles for case in CASES}
    return sorted(
        every, key=lambda name: name.rpartition("_")[::-1]
    )  # those of a role do not run side by side


def missing(name: str, collection: Path = COLLECTION) -> str:
    """What the scenario lacks, in one line; empty where it is whole."""
    folder = collection / "extensions/molecule" / name
    files = [file for file in ("molecule.yml", "inventory.yml") if not (folder / file).is_file()]
    tests = [
        test for test in folder.glob("tests/test_*.py") if re.search(r"^def test_", test.read_text(), re.M)
    ]
    lacks = [*files, *([] if tests else ["tests/test_*.py with a test"])]
    return f"{folder.relative_to(collection)} lacks {', '.join(lacks)}" if lacks else ""


def run(name: str, reports: Path, environ: Mapping[str, str]) -> Outcome:
    """`molecule test` of one scenario; its output goes to `reports`, a failure's gist to the note."""
    begun = time.monotonic()
    lacks = missing(name)
    if lacks:
        return Outcome(name=name, verdict="failed", seconds=0, note=lacks)
    log, results = reports / f"{name}.log", reports / f"{name}.xml"
    results.unlink(missing_ok=True)
    told = {**environ, "PYTEST_ADDOPTS": f"--junitxml={results} -ra"}
    code = _molecule(name, log, told)
    if code != 0 and f"[{name} > create] An error" in log.read_text(errors="replace"):
        code = _molecule(name, log, told)  # its machines did not boot: nothing of the role has run yet
    seconds = time.monotonic() - begun
    if code != 0:
        gist = "\n".join(gist_of(log.read_text(errors="replace")))
        return Outcome(name=name, verdict="failed", seconds=seconds, note=f"exit {code}, see {log}\n{gist}\n")
    tests = list(outcomes(results)) if results.exists() else []
    ran = [test for test in tests if test.verdict != "skipped"]
    if not ran:
        return Outcome(name=name, verdict="failed", seconds=seconds, note="no test ran")
    skipped = f", {len(tests) - len(ran)} skipped" if len(tests) > len(ran) else ""
    return Outcome(name=name, verdict="passed", seconds=seconds, note=f"{len(ran)} tests{skipped}")


def _molecule(name: str, log: Path, environ: Mapping[str, str]) -> int:
    molecule = str(Path(sys.executable).with_name("molecule"))
    command = [*CONTAINED, molecule, "test", "--scenario-name", name]
    with log.open("w") as out:
        child = subprocess.Popen(
            command,
            cwd=COLLECTION,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            return child.wait(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            out.write(f"[ERROR] ended after {_LIMIT} s\n")
            return child.wait()


def gist_of(text: str, lines: int = 20) -> list[str]:
    """The lines of a log that say what failed, each after the task that it belongs to."""
    task, told, shown = "", [], ""
    for line in (_COLOUR.sub("", line).strip() for line in text.splitlines()):
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            task = line.rstrip("* ")
        elif _BAD.search(line):
            if task and task != shown:
                told.append(f"   {task}")
                shown = task
            told.append(f"      {line[:600]}")
    return told[-lines:]


def outcomes(results: Path) -> Iterator[Outcome]:
    """The tests of a JUnit file."""
    for case in ET.parse(results).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        note = bad if bad is not None else skipped
        yield Outcome(
            name=f"{case.get('classname', '')}.{case.get('name', '')}",
            verdict="failed" if bad is not None else "skipped" if skipped is not None else "passed",
            seconds=float(case.get("time", "0")),
            note="" if note is None else (note.get("message") or "").splitlines()[0][:300],
        )
