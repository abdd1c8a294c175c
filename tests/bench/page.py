"""Write docs/reference/benchmarks.md from the last `make bench`: `python -m tests.bench.page`."""

from __future__ import annotations

import json
from typing import Any

from tests.support.command import ROOT

HEAD = """# Benchmarks

<!-- Written by `python -m tests.bench.page` from the last `make bench`. Do not edit. -->

`make bench` takes them and prints JSON. Each figure is the median of {runs} runs of whole processes, in turn
with a peer or a floor, so that a drifting machine touches both alike; least and greatest in brackets.
They are never part of `make test`. Taken on {cores} cores, with the stand-in plug-ins.

| figure | ours | peer or floor | relation | aim |
| --- | --- | --- | --- | --- |
"""

NOTES = """
`pack_share` misses its aim. Most of the difference is not judging but starting: before the program the
engine starts a second language host and the pack, each a Python process that loads gRPC and Pulumi's SDK.
The rules themselves take about a millisecond a resource, so the share falls as stacks grow.

`make up` on a machine with nothing cached, as an ordinary user, with Go from the package index: 11 min 48 s,
of which 11 min 7 s were the build of the toolchain; the second `make up` 11.6 s. `make test` after it: 9 min.
"""


def spread(figures: dict[str, float]) -> str:
    return f"{figures['median']:.2f} ({figures['min']:.2f} to {figures['max']:.2f})"


def said(relation: str, value: float) -> str:
    seconds = f"{value:.2f} s"
    texts = {
        "ratio": f"{value:.2f} times",
        "difference": seconds,
        "share": f"{value:.0%}",
        "seconds": seconds,
    }
    return texts[relation]


def row(figure: dict[str, Any]) -> str:
    relation = next(key for key in ("ratio", "difference", "share", "seconds") if key in figure)
    aim = "none set"
    if figure["aim"] is not None:
        aim = f"at most {said(relation, figure['aim'])}: {'met' if figure['met'] else 'missed'}"
    cells = (
        figure["name"],
        f"{figure['what']}: {spread(figure['ours_seconds'])}",
        f"{figure['peer']}: {spread(figure['peer_seconds'])}",
        said(relation, figure[relation]),
        aim,
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    report = json.loads((ROOT / "reports" / "bench.json").read_text())
    text = HEAD.format(runs=report["runs"], cores=report["machine"]["cores"])
    text += "\n".join(row(figure) for figure in report["figures"]) + "\n" + NOTES
    (ROOT / "docs" / "reference" / "benchmarks.md").write_text(text)


if __name__ == "__main__":
    main()
