"""Control planes with definitions of other people's kinds: open stand-ins as in a twin, or upstream's own."""

from __future__ import annotations

import time
from typing import Any

from components.cluster import ApiError, Cluster
from components.kubernetes import Manifest
from components.upstream.catalog import charts
from components.upstream.values import stand_in
from policies.registry import rules
from policies.rule import Rule
from tests.support.definitions import install, real
from tests.support.plane import Plane, shared_plane
from twin.toolchain.model import Toolchain

KINDS = ("open", "upstream")
PINNED = {
    f"{definition.group}/{definition.kind}": (definition, chart)
    for chart in charts()
    for definition in chart.definitions
}


def custom(rule: Rule) -> bool:
    """Whether a rule is about kinds that definitions bring."""
    return bool(_kinds(rule))


def plane_with(toolchain: Toolchain, kinds: str) -> Plane:
    """The control plane of the run with these definitions; the test is skipped where there are none."""
    wanted = _open() if kinds == "open" else _upstream()
    return shared_plane(toolchain, f"tests-{kinds}", lambda plane: prepare(plane, wanted))


def prepare(plane: Plane, definitions: dict[str, Manifest]) -> None:
    """An established definition may not be served yet."""
    with plane.cluster() as cluster:
        install(cluster, definitions)
        deadline = time.monotonic() + 30
        for one in definitions.values():
            while not _served(cluster, one["spec"]):
                assert time.monotonic() < deadline, f"not served: {one['metadata']['name']}"
                time.sleep(0.05)


def _served(cluster: Cluster, spec: Any) -> bool:
    try:
        cluster.get(f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}")
    except ApiError as error:
        if error.code != 404:
            raise
        return False
    return True


def _kinds(rule: Rule) -> set[str]:
    """The custom kinds that a rule is about, as `group/Kind`."""
    kinds = {f"{kind.partition('/')[0]}/{kind.rpartition('/')[2]}" for kind in rule.kinds}
    return kinds & PINNED.keys()


def _open() -> dict[str, Manifest]:
    judged = sorted({kind for rule in rules() for kind in _kinds(rule)})
    made = [stand_in(*PINNED[kind], {}) for kind in judged]
    return {one["metadata"]["name"]: one for one in made}


def _upstream() -> dict[str, Manifest]:
    return {name: one for name, one in real().items() if name in _open()}
