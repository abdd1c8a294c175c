"""When an object of a kind counts as ready: pure functions of the live object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twin.plugins.kubernetes.objects import at, condition, meta
from twin.plugins.kubernetes.values import Object


@dataclass(frozen=True)
class Verdict:
    """Ready, or why not (yet); `failed` where waiting longer is of no use."""

    ready: bool
    reason: str = ""
    failed: bool = False


READY = Verdict(True)


def _observed(live: Object) -> bool:
    return int(at(live, "status.observedGeneration") or 0) >= int(meta(live).get("generation") or 0)


def _count(live: Object, path: str, default: int = 0) -> int:
    value = at(live, path)
    return default if value is None else int(value)


def _message(found: Object) -> str:
    return f"{found.get('reason', found.get('type', ''))}: {found.get('message', '')}".strip(": ")


def deployment(live: Object) -> Verdict:
    progress = condition(live, "Progressing")
    wanted = _count(live, "spec.replicas", 1)
    if not _observed(live):
        return Verdict(False, "the controller has not seen this change yet")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(False, _message(progress), failed=True)
    failure = condition(live, "ReplicaFailure")
    if failure.get("status") == "True":
        return Verdict(False, _message(failure))
    updated, available = _count(live, "status.updatedReplicas"), _count(live, "status.availableReplicas")
    if updated < wanted or _count(live, "status.replicas") > updated or available < wanted:
        return Verdict(False, f"rollout: {updated} of {wanted} replicas updated, {available} available")
    return READY


def stateful_set(live: Object) -> Verdict:
    wanted = _count(live, "spec.replicas", 1)
    if not _observed(live):
        return Verdict(False, "the controller has not seen this change yet")
    ready = _count(live, "status.readyReplicas")
    if ready < wanted:
        return Verdict(False, f"{ready} of {wanted} replicas ready")
    partition = _count(live, "spec.updateStrategy.rollingUpdate.partition")
    by_hand = at(live, "spec.updateStrategy.type") == "OnDelete"
    updated = _count(live, "status.updatedReplicas")
    if not by_hand and updated < wanted - partition:
        return Verdict(False, f"rollout: {updated} of {wanted - partition} replicas updated")
    return READY


def daemon_set(live: Object) -> Verdict:
    if not _observed(live):
        return Verdict(False, "the controller has not seen this change yet")
    wanted = _count(live, "status.desiredNumberScheduled")
    updated, available = _count(live, "status.updatedNumberScheduled"), _count(live, "status.numberAvailable")
    by_hand = at(live, "spec.updateStrategy.type") == "OnDelete"
    if available < wanted or (updated < wanted and not by_hand):
        return Verdict(False, f"rollout: {updated} of {wanted} pods updated, {available} available")
    return READY


def replica_set(live: Object) -> Verdict:
    wanted, available = _count(live, "spec.replicas", 1), _count(live, "status.availableReplicas")
    if not _observed(live) or available < wanted:
        return Verdict(False, f"{available} of {wanted} replicas available")
    return READY


def job(live: Object) -> Verdict:
    failed = condition(live, "Failed")
    if failed.get("status") == "True":
        return Verdict(False, _message(failed), failed=True)
    if condition(live, "Complete").get("status") == "True" or at(live, "spec.suspend"):
        return READY
    active, done = _count(live, "status.active"), _count(live, "status.succeeded")
    return Verdict(
        False, f"{done} of {_count(live, 'spec.completions', 1)} completions, {active} pods active"
    )


def pod(live: Object) -> Verdict:
    phase = at(live, "status.phase")
    if phase == "Succeeded" or condition(live, "Ready").get("status") == "True":
        return READY
    troubles = [trouble for state in _containers(live) if (trouble := _trouble(state))]
    if phase == "Failed":
        return Verdict(
            False, "; ".join(troubles) or str(at(live, "status.message") or "the pod failed"), failed=True
        )
    scheduled = condition(live, "PodScheduled")
    if scheduled.get("status") == "False":
        troubles.insert(0, _message(scheduled))
    return Verdict(False, "; ".join(troubles) or f"the pod is {phase or 'not scheduled'}, not ready")


def _containers(live: Object) -> list[Object]:
    status = live.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _trouble(container: Object) -> str:
    state = container.get("state") or {}
    if (ended := state.get("terminated")) and ended.get("exitCode"):
        return f"container {container['name']} ended with code {ended['exitCode']}: {_message(ended)}"
    return f"container {container['name']}: {_message(state['waiting'])}" if state.get("waiting") else ""


def persistent_volume(live: Object) -> Verdict:
    phase = at(live, "status.phase")
    return READY if phase in ("Available", "Bound") else Verdict(False, f"the volume is {phase or 'Pending'}")


def resource_quota(live: Object) -> Verdict:
    if at(live, "status.hard") == at(live, "spec.hard") or not at(live, "spec.hard"):
        return READY
    return Verdict(False, "the quota is not counted yet")


def definition(live: Object) -> Verdict:
    refused = condition(live, "NamesAccepted")
    if refused.get("status") == "False":
        return Verdict(False, _message(refused), failed=True)
    if condition(live, "Established").get("status") == "True":
        return READY
    return Verdict(False, "the definition is not established yet")


def ingress(live: Object) -> Verdict:
    if at(live, "status.loadBalancer.ingress"):
        return READY
    return Verdict(False, "no ingress controller has given it an address (status.loadBalancer.ingress)")


def service_account_token(live: Object) -> Verdict:
    if live.get("type") != "kubernetes.io/service-account-token" or at(live, "data.token"):
        return READY
    return Verdict(False, "the token is not there yet")


CHECKS: dict[tuple[str, str], Callable[[Object], Verdict]] = {
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "Deployment"): deployment,
    ("apps", "ReplicaSet"): replica_set,
    ("apps", "StatefulSet"): stateful_set,
    ("batch", "Job"): job,
    ("", "PersistentVolume"): persistent_volume,
    ("", "Pod"): pod,
    ("", "ReplicationController"): replica_set,
    ("", "ResourceQuota"): resource_quota,
    ("", "Secret"): service_account_token,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
    ("networking.k8s.io", "Ingress"): ingress,
}
"""By group and kind; others are ready once they exist. Services and claims depend on other objects too."""
