"""What is there: the twin's members, the stacks, the machines, and where the live state drifted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cli import engine
from cli.environment import Target, state_problems
from cli.nodes import evidence, fleet
from cli.outcome import Exit
from components import naming
from components.cluster import ApiError, Cluster, UnreachableError
from components.model.outputs import FoundationOutputs
from components.upstream import values
from twin import api as twin

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def status(target: Target, *, drift: bool) -> dict[str, Any]:
    """A JSON-able report; `exit` in it is the exit code that it deserves."""
    report: dict[str, Any] = {"environment": target.name, "exit": int(Exit.OK)}
    if target.twin:
        report["members"] = [asdict(member) for member in twin.status(target.twin)]
        report["stand_ins"] = twin.stand_ins(target.twin)
    else:
        report["machines"] = _machines(target)
    try:
        with target.cluster() as cluster:
            report["cluster"] = _cluster(cluster)
    except (UnreachableError, ApiError) as error:
        report |= {"cluster": {"reachable": False, "error": str(error)}, "exit": int(Exit.UNREACHABLE)}
        return report
    report["state_problems"] = [
        {"found": f"{each.file}: {each.problem}", "mend": each.mend} for each in state_problems(target)
    ]
    report["stacks"] = _stacks(target, drift=drift)
    if any(stack["exit"] for stack in report["stacks"]):
        report["exit"] = max(stack["exit"] for stack in report["stacks"])
    elif any(stack["drift"] for stack in report["stacks"]):
        report["exit"] = int(Exit.DRIFT)
    return report


def _machines(target: Target) -> dict[str, Any]:
    """The real machines as declared, and what their last validation said; nothing is asked of them."""
    stack = target.stack("foundation")
    outputs = engine.export(target, stack).get("foundation")
    hosts = FoundationOutputs.parse(outputs, stack).hosts if outputs and fleet.real(outputs) else ()
    last = evidence.last(target.evidence) or {}
    return {
        "count": len(hosts),
        "unpinned": [host.name for host in hosts if not host.host_key],
        "validated": {key: last.get(key) for key in ("at", "passed", "checks")} if last else None,
        "unvalidated": [host.name for host in hosts if host.name not in last.get("hosts", {})],
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    nodes = cluster.items("/api/v1/nodes")
    ready = [
        node
        for node in nodes
        for condition in node.get("status", {}).get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]
    slices = cluster.items("/apis/resource.k8s.io/v1/resourceslices")
    return {
        "reachable": True,
        "version": cluster.get("/version")["gitVersion"],
        "server": cluster.server,
        "nodes": len(nodes),
        "nodes_ready": len(ready),
        "accelerators": sum(len(item["spec"].get("devices", [])) for item in slices),
        "stand_ins": _upstream(cluster),
        "terminating": [_held(item) for item in _terminating(cluster)],
    }


def _upstream(cluster: Cluster) -> list[str]:
    """The third-party software whose definitions are stand-ins, with its version."""
    ours = {"labelSelector": f"{naming.BLOCK}=upstream"}
    found = [item["metadata"] for item in cluster.items(DEFINITIONS, params=ours)]
    titles = (values.title(meta) for meta in found if naming.STAND_IN in meta.get("annotations", {}))
    return sorted(set(titles))


def _terminating(cluster: Cluster) -> list[dict[str, Any]]:
    namespaces = cluster.items("/api/v1/namespaces")
    return [item for item in namespaces if item["status"].get("phase") == "Terminating"]


def _held(namespace: dict[str, Any]) -> dict[str, Any]:
    """Why a namespace does not go away: the finalizers that hold it, in the API's own words."""
    conditions = namespace["status"].get("conditions", [])
    return {
        "namespace": namespace["metadata"]["name"],
        "held_by": [item["message"] for item in conditions if item["status"] == "True"],
    }


def _stacks(target: Target, *, drift: bool) -> list[dict[str, Any]]:
    names = target.stacks
    if not drift:
        return [{"stack": name, "drift": [], "exit": 0} for name in names]
    outcomes = engine.run(target, names, "drift", lambda *_: None)
    return [
        {
            "stack": outcome.stack,
            "resources": outcome.resources,
            "drift": outcome.steps,
            "errors": outcome.errors,
            "exit": int(outcome.code),
        }
        for outcome in outcomes
    ]
