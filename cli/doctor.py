"""Look for what would stop an `up`, before it does."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cli.environment import Target, state_problems
from components.cluster import ApiError, UnreachableError
from twin import api as twin
from twin.settings import TwinSettings

GIB = 1024**3
NEEDED_DISK = 6 * GIB  # sources, Go's build cache and the built toolchain
NEEDED_MEMORY = 3 * GIB  # the control plane, the engine and one build at a time


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. `mend` says what to do where it is not ok."""

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(target: Target) -> Iterator[Finding]:
    """All findings for an environment, cheap ones first. Changes nothing."""
    yield _python()
    if target.twin:
        yield _disk(target.twin)
        yield _memory()
        yield from _tools(target.twin)
    yield from _state(target)
    yield _api(target)


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    fits = sys.version_info >= (3, 11)
    return Finding(what="python", state="ok" if fits else "fail", found=found, mend="install Python 3.11")


def _disk(settings: TwinSettings) -> Finding:
    folder = next(path for path in (settings.cache, *settings.cache.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    short = free < NEEDED_DISK and not twin.cached(settings)
    return Finding(
        what="disk",
        state="warn" if short else "ok",
        found=f"{free // GIB} GiB free at {folder}",
        mend=f"free {NEEDED_DISK // GIB} GiB, or set BASTIDE_CACHE to a larger disk" if short else "",
    )


def _memory() -> Finding:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    short = free < NEEDED_MEMORY
    mend = f"the twin needs about {NEEDED_MEMORY // GIB} GiB" if short else ""
    return Finding(what="memory", state="warn" if short else "ok", found=f"{free // GIB} GiB free", mend=mend)


def _tools(settings: TwinSettings) -> Iterator[Finding]:
    for tool in twin.tools(settings):
        yield Finding(
            what=f"tool {tool.name}",
            state="ok" if tool.path else "warn",
            found=f"{tool.version} ({tool.source})" if tool.path else "not there yet",
            mend="" if tool.path else f"`bastide up {settings.name}` gets or builds it",
        )
    for name in twin.stand_ins(settings):
        yield Finding(
            what=f"plug-in {name}",
            state="warn",
            found="a stand-in of ours is used",
            mend="put the official plug-in on PATH to use it instead",
        )
    for member in twin.status(settings):
        up = member.state == "healthy"
        mend = "" if up else f"`bastide up {settings.name}` starts it"
        yield Finding(
            what=f"member {member.name}", state="ok" if up else "warn", found=member.state, mend=mend
        )


def _state(target: Target) -> Iterator[Finding]:
    problems = state_problems(target)
    if not problems:
        yield Finding(what="state", state="ok", found=target.backend or "as Pulumi.yaml or the login says")
    for problem in problems:
        yield Finding(
            what="state", state="fail", found=f"{problem.file}: {problem.problem}", mend=problem.mend
        )


def _api(target: Target) -> Finding:
    try:
        with target.cluster(timeout=5) as cluster:
            version = cluster.get("/version")["gitVersion"]
    except (UnreachableError, ApiError) as error:
        mend = f"bastide up {target.name}" if target.twin else "check KUBECONFIG and the context it names"
        return Finding(what="cluster", state="warn", found=str(error), mend=mend)
    return Finding(what="cluster", state="ok", found=f"{version} answers as {target.context}")
