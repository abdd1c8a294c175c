"""Drills: a claim by capability is placed by the real scheduler, and only where the capability is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from components import naming, probe
from components.cluster import ApiError, Cluster
from components.drill import Answer, Drill
from components.model import Bytes, Foundation, FoundationOutputs, Select, TenantOutputs, matches
from components.nodes import values

_NO_SUCH_MEMORY = Bytes("1Pi")
_TRIES = 3
"""A machine may leave between the placement on it and the look at it."""


def drills(
    foundation: Foundation, outputs: FoundationOutputs, tenants: Sequence[TenantOutputs]
) -> tuple[Drill, ...]:
    """One placement per device class, one by memory alone, and one claim that nothing can satisfy."""
    deployed = [wanted for wanted in foundation.device_classes if wanted.id in outputs.device_classes]
    asks = [
        Ask(foundation=foundation, tenants=tenants, name=wanted.id, select=wanted.select)
        for wanted in deployed
    ]
    if not deployed or not foundation.accelerators:
        return ()
    most = max(known.memory for known in foundation.accelerators)
    by_memory = Select(min_memory=most)
    asks.append(Ask(foundation=foundation, tenants=tenants, name=f"memory {most}", select=by_memory))
    nothing = Select(min_memory=_NO_SUCH_MEMORY)
    none = Ask(foundation=foundation, tenants=tenants, name="nothing", select=nothing)
    return (*(_placement(ask) for ask in asks), _no_match(none))


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One claim: `select` by capability, `name` for people (the class's own name where it is one)."""

    foundation: Foundation
    tenants: Sequence[TenantOutputs]
    name: str
    select: Select

    @property
    def models(self) -> set[str]:
        """The accelerator models that have what is asked, as the configuration says."""
        return {known.id for known in self.foundation.accelerators if matches(self.select, known)}

    @property
    def others(self) -> set[str]:
        """The models in the machines that do not have it."""
        present = {pool.accelerators.model for pool in self.foundation.pools if pool.accelerators}
        return present - self.models

    def classes(self) -> list[str]:
        """The classes through which it can be asked, the one of its own name first."""
        overlap = [
            wanted.id
            for wanted in self.foundation.device_classes
            if not self.models
            or any(
                matches(wanted.select, known)
                for known in self.foundation.accelerators
                if known.id in self.models
            )
        ]
        return sorted(overlap, key=lambda known: known != self.name)

    def selector(self, device_class: str) -> str:
        """What the claim adds to the class: nothing, where the class says it all."""
        return "" if device_class == self.name else values.selection(self.select)


def _placement(ask: Ask) -> Drill:
    def probe_(cluster: Cluster) -> Answer:
        if not ask.models or not ask.others:
            return Answer(text="all machines have it or none has: nothing can be told apart", passed=False)
        node, labels = "", {}
        for _ in range(_TRIES):
            with _waiting_pod(cluster, ask) as path:
                node = probe.wait_for(partial(_node, cluster, path)) or ""
                if not node:
                    return Answer(text=f"not placed: {_condition(cluster, path)}", passed=False)
                labels = _labels(cluster, node)
            if labels:
                break
        model = labels.get(f"{naming.ACCELERATOR_DRIVER}/model", "no accelerator")
        return Answer(text=f"placed on {node}, which has {model}", passed=model in ask.models)

    return Drill(
        id="nodes.placement",
        target=ask.name,
        covers=("N3", "C2"),
        asked=f"a tenant's pod claims one device by capability: {ask.name}",
        expected=f"the scheduler places it on a machine with {' or '.join(sorted(ask.models))}",
        probe=probe_,
    )


def _node(cluster: Cluster, path: str) -> str | None:
    """Where a pod was placed; None while it was not."""
    name: str | None = cluster.get(path)["spec"].get("nodeName")
    return name


def _labels(cluster: Cluster, node: str) -> dict[str, str]:
    """The labels of a node; empty where it has left."""
    try:
        found: dict[str, str] = cluster.get(f"/api/v1/nodes/{node}")["metadata"]["labels"]
    except ApiError as error:
        if error.code != 404:
            raise
        return {}
    return found


def _no_match(ask: Ask) -> Drill:
    def probe_(cluster: Cluster) -> Answer:
        with _waiting_pod(cluster, ask) as path:
            reason = probe.wait_for(lambda: _condition(cluster, path) or None)
            node = cluster.get(path)["spec"].get("nodeName")
        text = f"placed on {node}" if node else f"not placed: {reason or 'the scheduler said nothing'}"
        return Answer(text=text, passed=not node and bool(reason))

    return Drill(
        id="nodes.no-match",
        target=ask.name,
        covers=("N3",),
        asked=f"a tenant's pod claims a device with {_NO_SUCH_MEMORY} of memory",
        expected="it stays unscheduled, and the scheduler says why",
        probe=probe_,
    )


def _condition(cluster: Cluster, path: str) -> str:
    """Why the scheduler did not place the pod; empty while it has not said."""
    for condition in cluster.get(path).get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return ""


@contextmanager
def _waiting_pod(cluster: Cluster, ask: Ask) -> Iterator[str]:
    """The path of a pod that a tenant's developer made together with its claim; both go in the end."""
    namespace, device_class, groups = _room(cluster, ask)
    person = probe.member(*groups)
    name = probe.unique("drill")
    claims = f"/apis/{values.RESOURCE_API}/namespaces/{namespace}/resourceclaims"
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod = probe.pod(name, namespace, {}, claim=name)
    pod["spec"]["tolerations"] = [{"key": naming.ACCELERATOR, "operator": "Exists", "effect": "NoSchedule"}]
    claim = probe.claim(name, namespace, device_class, selector=ask.selector(device_class))
    try:
        probe.create(cluster, claims, claim, person)
        probe.create(cluster, pods, pod, person)
        yield f"{pods}/{name}"
    finally:
        for path in (f"{pods}/{name}", f"{claims}/{name}"):
            _remove(cluster, path)


def _remove(cluster: Cluster, path: str) -> None:
    try:
        cluster.request("DELETE", path, {"gracePeriodSeconds": 0})
    except ApiError as error:
        if error.code != 404:
            raise


def _room(cluster: Cluster, ask: Ask) -> tuple[str, str, tuple[str, ...]]:
    """A namespace whose quota has room for one device, the class, and its developers' groups."""
    found = [
        (namespace, tenant.groups.get("developer") or tenant.groups["admin"], _free(cluster, namespace))
        for tenant in ask.tenants
        for namespace in tenant.namespaces.values()
    ]
    for device_class in ask.classes():
        for namespace, groups, free in found:
            if free.get(naming.device_quota(device_class), 0) > 0:
                return namespace, device_class, groups
    raise ApiError(404, {"reason": "NoRoom", "message": f"no tenant has a free device of {ask.classes()}"})


def _free(cluster: Cluster, namespace: str) -> dict[str, int]:
    quota: dict[str, Any] = cluster.get(f"/api/v1/namespaces/{namespace}/resourcequotas/quota")["status"]
    return {
        key: int(most) - int(quota["used"].get(key, 0))
        for key, most in quota["hard"].items()
        if key.endswith("/devices")
    }
