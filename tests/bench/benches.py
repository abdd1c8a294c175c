"""The figures: each function takes one, beside a peer or a floor in the same run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.bench import programs
from tests.bench.measure import Figure, timed
from tests.bench.plane import bare_plane
from tests.support.command import BASTIDE, ROOT, exports

PYTHON = sys.executable
STACKS = ("twin.foundation", "twin.platform", "twin.acme", "twin.globex")
TENANTS = 1000


@dataclass(frozen=True, kw_only=True)
class Place:
    """A scratch folder, and the environment `twin`, raised in it for the first figure that asks."""

    folder: Path
    leaving: ExitStack

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The variables under which the environment is used; it is gone when `leaving` is closed."""
        variables = {**os.environ, "BASTIDE_HOME": str(self.folder / "home"), "BASTIDE_PORT": "0"}
        self.leaving.callback(timed, [BASTIDE, "twin", "twin", "reset"], variables)
        timed([BASTIDE, "up", "twin", "--json"], variables)
        return variables

    def exports(self) -> dict[str, str]:
        """The variables for plain `pulumi`, as `bastide env` prints them."""
        return {**self.variables, **exports(self.variables)}


def cold_start(place: Place) -> Figure:
    figure = Figure(
        name="cold_start",
        what="`bastide twin twin start` from nothing: certificates, five members, until all are well",
        peer_is="floor: the same etcd and kube-apiserver alone, from their start to readiness",
    )
    variables = {**place.variables, "BASTIDE_HOME": str(place.folder / "cold")}

    def ours() -> float:
        seconds = timed([BASTIDE, "twin", "twin", "start"], variables)
        timed([BASTIDE, "twin", "twin", "reset"], variables)
        return seconds

    return figure.take(ours, lambda: bare_plane(place.folder / "bare"))


def noop_up(place: Place) -> Figure:
    figure = Figure(
        name="noop_up",
        what="second `bastide up twin`: check, twin, four stacks, drills, nothing changed",
        peer_is="plain `pulumi up --skip-preview` of the four stacks in sequence",
    )
    exports = place.exports()
    up = ["pulumi", "up", "--yes", "--skip-preview", "--stack"]
    return figure.take(
        lambda: timed([BASTIDE, "up", "twin", "--json"], place.variables),
        lambda: sum(timed([*up, stack], exports) for stack in STACKS),
    )


def tenant_preview(place: Place) -> Figure:
    figure = Figure(
        name="tenant_preview",
        what="`pulumi preview` of one unchanged tenant stack, policies on",
        peer_is="floor: `pulumi preview` of a program that registers nothing, policies off",
    )
    empty = programs.project(place.folder / "empty", programs.EMPTY, place.exports())
    return figure.take(
        lambda: timed(["pulumi", "preview", "--stack", "twin.acme"], place.exports()),
        lambda: timed(["pulumi", "preview", "--stack", "bench"], empty.variables, empty.folder),
    )


def tenant_up(place: Place) -> Figure:
    figure = Figure(
        name="tenant_up",
        what="`pulumi up` of one tenant stack from nothing, policies on",
        peer_is="the same objects under other names, registered bare, policies off",
    )
    exports = place.exports()
    bare = programs.project(place.folder / "bare-up", programs.BARE, exports, programs.manifests("bare"))
    up, down = ["pulumi", "up", "--yes", "--skip-preview"], ["pulumi", "destroy", "--yes", "--skip-preview"]

    def ours() -> float:
        timed([*down, "--stack", "twin.globex"], exports)
        return timed([*up, "--stack", "twin.globex"], exports)

    def peer() -> float:
        seconds = timed([*up, "--stack", "bench"], bare.variables, bare.folder)
        timed([*down, "--stack", "bench"], bare.variables, bare.folder)
        return seconds

    return figure.take(ours, peer)


def component(place: Place) -> Figure:
    figure = Figure(
        name="component",
        what="`pulumi preview` of a tenant by our component",
        peer_is="`pulumi preview` of the same objects as bare resources",
        aim=1.15,
    )
    exports = place.exports()
    block = programs.project(place.folder / "block", programs.BLOCK, exports)
    bare = programs.project(place.folder / "bare", programs.BARE, exports, programs.manifests("bench"))
    preview = ["pulumi", "preview", "--stack", "bench"]
    return figure.take(
        lambda: timed(preview, block.variables, block.folder),
        lambda: timed(preview, bare.variables, bare.folder),
    )


def pack_share(place: Place) -> Figure:
    figure = Figure(
        name="pack_share",
        what="`pulumi preview` of one unchanged tenant stack, policies on",
        peer_is="the same, policies off",
        relation="share",
        aim=0.10,
    )
    exports = place.exports()
    without = {key: value for key, value in exports.items() if key != "PULUMI_OPTION_POLICY_PACK"}
    preview = ["pulumi", "preview", "--stack", "twin.acme"]
    return figure.take(lambda: timed(preview, exports), lambda: timed(preview, without))


def package_import(place: Place) -> Figure:
    figure = Figure(
        name="package_import",
        what="a process that imports all that a stack program imports before its first resource",
        peer_is="a process that imports pulumi alone",
        relation="difference",
        aim=0.3,
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ours = "import pulumi, stacks.__main__, stacks.foundation, stacks.platform, stacks.tenant"
    return figure.take(
        lambda: timed([PYTHON, "-c", ours], env), lambda: timed([PYTHON, "-c", "import pulumi"], env)
    )


def model_check(place: Place) -> Figure:
    figure = Figure(
        name="model_check",
        what=f"`bastide check` of an environment with {TENANTS} tenants",
        peer_is="floor: PyYAML's C loader on the same files, nothing checked",
    )
    folder = programs.many_tenants(place.folder / "many", TENANTS)
    floor = (
        "import pathlib, sys, yaml\n"
        "for path in pathlib.Path(sys.argv[1]).glob('*.yaml'): yaml.load(path.read_bytes(), yaml.CSafeLoader)"
    )
    return figure.take(
        lambda: timed([BASTIDE, "check", "twin", "--config", folder], os.environ),
        lambda: timed([PYTHON, "-c", floor, folder], os.environ),
    )


ALL = [
    package_import,
    model_check,
    cold_start,
    pack_share,
    component,
    tenant_preview,
    tenant_up,
    noop_up,
]
