"""Run the drills of an environment and keep their records as evidence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from cli import engine
from cli.environment import Target
from cli.outcome import CliError, Exit
from components.cluster import ApiError, Cluster, UnreachableError
from components.commons.drills import drills as commons_drills
from components.drill import Answer, Drill, Record
from components.gateway.drills import drills as gateway_drills
from components.governance.drills import drills as governance_drills
from components.model import GovernanceOutputs
from components.model.outputs import FoundationOutputs, Outputs, PlatformOutputs, TenantOutputs
from components.nodes.drills import drills as nodes_drills
from components.tenancy.drills import drills as tenancy_drills

T = TypeVar("T", bound=Outputs)
Told: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Raw outputs by stack."""
PARALLEL = 4
RECORDS = "drills.json"


def collect(target: Target, known: Told, only: str = "") -> list[Drill]:
    """The drills of every block that is deployed. Raises `CliError` where there is nothing to drill.

    `known` holds outputs that an `up` has just told; those of other stacks are asked for.
    """
    foundation = outputs(target, known, "foundation", FoundationOutputs)
    platform = outputs(target, known, "platform", PlatformOutputs)
    tenants = [outputs(target, known, tenant, TenantOutputs) for tenant in target.model.tenants]
    governed = {
        tenant: outputs(target, known, tenant, GovernanceOutputs, "gateway")
        for tenant in target.model.gateways
    }
    found = [
        *nodes_drills(target.model.foundation, foundation, tenants),
        *commons_drills(platform),
        *_of_gateway(target, platform, tenants),
        *tenancy_drills(target.model.tenants, tenants),
        *governance_drills(target.model.platform.gateway, target.model.gateways, tenants, governed),
    ]
    chosen = [drill for drill in found if not only or drill.id == only]
    if not chosen:
        ids = ", ".join(sorted({drill.id for drill in found}))
        raise CliError(Exit.USAGE, f"no drill is called {only!r}", f"one of: {ids}")
    return chosen


def _of_gateway(
    target: Target, platform: PlatformOutputs, tenants: Sequence[TenantOutputs]
) -> tuple[Drill, ...]:
    gateway = target.model.platform.gateway
    if gateway is None or platform.gateway is None:
        return ()
    return gateway_drills(gateway, platform.gateway, tenants, platform.environment)


def outputs(target: Target, known: Told, layer: str, kind: type[T], key: str = "") -> T:
    """The typed outputs of a deployed layer. Raises `CliError` where it is not deployed.

    `key` is their name in the stack: that of the layer, and `tenant` in a tenant's, unless given.
    """
    stack = target.stack(layer)
    found = known.get(stack) or engine.export(target, stack)
    key = key or (layer if layer in ("foundation", "platform") else "tenant")
    if key not in found:
        raise CliError(Exit.UNREACHABLE, f"{stack} is not deployed", f"bastide up {target.name}")
    return kind.parse(found[key], stack)


def run(target: Target, drills: Sequence[Drill], watch: Callable[[Record], None]) -> list[Record]:
    """Run the drills, a few side by side, and write their records to the environment's evidence folder."""
    with target.cluster() as cluster, ThreadPoolExecutor(PARALLEL) as pool:
        records = []
        for record in pool.map(lambda drill: _run_one(drill, cluster), drills):
            watch(record)
            records.append(record)
    write(target.evidence, records)
    return records


def _run_one(drill: Drill, cluster: Cluster) -> Record:
    begun = time.monotonic()
    try:
        answer = drill.probe(cluster)
    except (ApiError, UnreachableError) as error:
        answer = Answer(text=f"the probe itself failed: {error}", passed=False)
    return Record(
        id=drill.id,
        target=drill.target,
        covers=drill.covers,
        asked=drill.asked,
        expected=drill.expected,
        answered=answer.text,
        passed=answer.passed,
        seconds=round(time.monotonic() - begun, 3),
    )


def write(folder: Path, records: Sequence[Record]) -> None:
    """Replace the records of the drills that ran; those of others stay."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = {(record.id, record.target): asdict(record) for record in records}
    kept = [old for old in read(folder) if (old["id"], old["target"]) not in fresh]
    half = folder / f"{RECORDS}.new"
    half.write_text(json.dumps([*kept, *fresh.values()], indent=1))
    half.replace(folder / RECORDS)


def read(folder: Path) -> list[dict[str, object]]:
    """The records of the last drills; empty where none ran."""
    try:
        records: list[dict[str, object]] = json.loads((folder / RECORDS).read_text())
    except FileNotFoundError:
        return []
    return records
