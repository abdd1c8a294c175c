"""`make test-nodes`: the roles on real Debian machines, then a whole environment's hosts, in one command.

    python -m tests.nodes [--install] [--minutes N] [--only-scenarios | --only-tests] [SCENARIO...]

Needs root on Debian. `--install` (or CI=true) fetches the packages that are missing; else they are named.
BASTIDE_TEST_WORKERS (default 2) scenarios run at a time, the tests beside them. After `--minutes` nothing is
started any more: what is left is told as skipped. It fails where nothing ran.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.nodes import needs, scenarios
from tests.nodes.scenarios import Outcome
from tests.support import packages
from tests.support.command import ROOT
from tests.support.machines import SWITCH
from tests.support.nodes import Lab, LabError
from tests.support.nodes.kubernetes import make_bundle
from tests.support.nodes.lab import needs as lab_needs
from twin.errors import TwinError

REPORTS = ROOT / "reports" / "nodes"
SITE, HA = "tests/nodes/test_site.py", "tests/nodes/test_ha.py"
LANES = (
    {"site": [SITE]},
    {"tests": ["tests", f"--ignore={SITE}", f"--ignore={HA}"], "ha": [HA]},
)
"""What runs side by side: a whole environment takes as long as the rest. A lane keeps its order."""
_LATE = "no time was left for it"


def run_scenarios(names: Sequence[str], deadline: float) -> Iterator[Outcome]:
    """The scenarios, a few at a time on machines of one lab, as each ends; none starts after `deadline`."""

    def one(name: str) -> Outcome:
        if time.monotonic() > deadline:
            return tell(Outcome(name=name, verdict="skipped", seconds=0, note=_LATE))
        return tell(scenarios.run(name, REPORTS, environ))

    workers = int(os.environ.get("BASTIDE_TEST_WORKERS", "2"))
    with Lab() as lab, ThreadPoolExecutor(max_workers=min(workers, 2)) as pool:
        serve_programs(lab)
        environ = {
            **{"BASTIDE_LAB": lab.place.name, "NO_COLOR": "1", "MOLECULE_COMMAND_BORDERS": "false"},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        yield from pool.map(one, names)


def serve_programs(lab: Lab) -> None:
    """Offer what roles install from a bundle; a scenario that asks for what is not there fails by itself."""
    try:
        lab.serve_artifacts(make_bundle(lab.place.disk / "artifacts"))
    except TwinError as error:
        print(f"== no bundle of programs: {error}", flush=True)


def run_lane(lane: Mapping[str, Sequence[str]], deadline: float) -> list[Outcome]:
    """The tests of a lane, group by group; none starts after `deadline`."""
    told = []
    for name, chosen in lane.items():
        if time.monotonic() > deadline:
            told.append(tell(Outcome(name=name, verdict="skipped", seconds=0, note=_LATE)))
        else:
            told += run_tests(name, *chosen)
    return told


def run_tests(name: str, *chosen: str) -> list[Outcome]:
    """The `chosen` tests of those that boot machines, in one process."""
    results = REPORTS / f"{name}.xml"
    results.unlink(missing_ok=True)
    options = ("-m", "nodes", "-q", "--timeout=1800", f"--junitxml={results}")
    command = [sys.executable, "-m", "pytest", *chosen, *options]
    subprocess.run(command, cwd=ROOT, env={**os.environ, SWITCH: "1"}, check=False)
    if not results.exists():
        note = "pytest ended without results"
        return [tell(Outcome(name=name, verdict="failed", seconds=0, note=note))]
    return [tell(outcome) for outcome in scenarios.outcomes(results)]


def tell(outcome: Outcome) -> Outcome:
    print(outcome, flush=True)
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--install", action="store_true", default=os.environ.get("CI") == "true")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--only-scenarios", action="store_true")
    parser.add_argument("--only-tests", action="store_true")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    begun = time.monotonic()
    deadline = begun + asked.minutes * 60
    if asked.install:
        needs.install()
    if reason := lab_needs():
        print(f"error: {reason} (or run this with --install)", file=sys.stderr)
        return 2
    packages.install()
    REPORTS.mkdir(parents=True, exist_ok=True)
    told: list[Outcome] = []
    with ThreadPoolExecutor() as beside:
        lanes = () if asked.only_scenarios or asked.names else LANES
        tests = [beside.submit(run_lane, lane, deadline) for lane in lanes]
        try:
            if not asked.only_tests:
                told += run_scenarios(asked.names or scenarios.wanted(), deadline)
        except LabError as error:
            told.append(tell(Outcome(name="lab", verdict="failed", seconds=0, note=str(error))))
        told += [outcome for lane in tests for outcome in lane.result()]
    count = {
        verdict: sum(each.verdict == verdict for each in told) for verdict in ("passed", "failed", "skipped")
    }
    for outcome in told:
        if outcome.verdict == "failed":
            tell(outcome)  # once more, where one looks first
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()), end="")
    print(f" in {time.monotonic() - begun:.0f} s", flush=True)
    return 0 if count["passed"] and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
