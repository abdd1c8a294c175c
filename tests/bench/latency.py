"""What the gateway adds to a call: the real gateway of the tests against its provider asked directly.

The callers, the proxy with its processor, the guard, the counters and the provider share the machine's cores.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.measure import RUNS, Figure
from tests.gateway.house import House, read_published, serving
from tests.support import definitions
from tests.support.plane import Plane
from twin.controlplane.lifecycle import reset_plane, start_plane
from twin.settings import TwinSettings
from twin.toolchain.model import Toolchain
from twin.toolchain.resolve import find_tools
from twin.toolchain.tools import GATEWAY_TOOLS

CALLS = {1: 400, 32: 2000, 128: 3000}
"""Calls of a run, by connections."""
AIM = 0.02


@contextmanager
def house() -> Iterator[House]:
    """The gateway on a plane of its own."""
    with tempfile.TemporaryDirectory(prefix="latency") as name:
        folder = Path(name)
        settings = TwinSettings(name="latency", home=folder / "home", cache=TwinSettings.of("tests").cache)
        plane = Plane(settings, Toolchain(find_tools(settings)))
        programs = {tool: found.path for tool, found in find_tools(settings, tools=GATEWAY_TOOLS).items()}
        try:
            start_plane(settings, plane.toolchain.programs)
            with plane.cluster() as cluster:
                definitions.install(cluster, read_published(definitions.UPSTREAM / "crds"))
            with serving(plane, programs, folder) as made:
                yield made
        finally:
            reset_plane(settings)


def figures(made: House) -> Iterator[Figure]:
    """The 99th percentile at each number of connections; the others stand in the text."""
    for connections, calls in CALLS.items():
        taken: dict[bool, list[dict[str, float]]] = {False: [], True: []}
        for run in range(RUNS + 1):
            for bare in (False, True):
                found = percentiles(made.many(calls, connections, bare=bare))
                if run:  # the first does not count
                    taken[bare].append(found)
        through, direct = (_middle(taken[bare]) for bare in (False, True))
        figure = Figure(
            name=f"gateway_latency_{connections}",
            what=f"99th percentile of a call through the gateway, {connections} at a time; {through}",
            peer_is=f"the same call to the provider itself; {direct}",
            relation="difference",
            aim=AIM,
        )
        figure.ours, figure.peer = ([each["p99"] for each in taken[bare]] for bare in (False, True))
        yield figure


def percentiles(measured: dict[str, Any]) -> dict[str, float]:
    """Seconds below which half, 95 and 99 of a hundred calls were answered; all must have been."""
    if set(measured["statuses"]) != {"200"}:
        raise SystemExit(f"not all calls were answered: {measured['statuses']}")
    times = measured["latencies"]
    last = len(times) - 1
    return {f"p{share}": times[min(last, len(times) * share // 100)] / 1000 for share in (50, 95, 99)}


def _middle(runs: list[dict[str, float]]) -> str:
    middle = {key: sorted(run[key] for run in runs)[len(runs) // 2] * 1000 for key in ("p50", "p95")}
    return ", ".join(f"{key} {value:.1f} ms" for key, value in middle.items())


def main() -> None:
    """`python -m tests.bench.latency`: the figures as JSON, one a line."""
    with house() as made:
        for figure in figures(made):
            sys.stdout.write(f"{json.dumps(figure.as_json())}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
