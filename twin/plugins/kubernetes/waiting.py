"""Waiting until an object is ready, or gone."""

from __future__ import annotations

import json
from collections.abc import Callable

from components.cluster import ApiError, UnreachableError
from twin.plugins.kubernetes import jsonpath
from twin.plugins.kubernetes.api import Api, StoppedError, passed, until
from twin.plugins.kubernetes.kinds import Kind
from twin.plugins.kubernetes.objects import annotation, at, condition, meta
from twin.plugins.kubernetes.readiness import CHECKS, READY, Verdict
from twin.plugins.kubernetes.values import Object

SKIP = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT = "pulumi.com/timeoutSeconds"
DEFAULT_TIMEOUT = 600.0
_SHORTEST, _LONGEST = 0.1, 1.0
_SLICE, _STORAGE_CLASS = (
    Kind("discovery.k8s.io/v1", "EndpointSlice"),
    Kind("storage.k8s.io/v1", "StorageClass"),
)

Check = Callable[[Object], Verdict]
Report = Callable[[str], None]


class NotReadyError(Exception):
    """The object exists, as `live`, and is not what was waited for."""

    def __init__(self, live: Object, reason: str) -> None:
        self.live = live
        super().__init__(reason)


def timeout_of(given: float, inputs: Object) -> float:
    """Seconds: the resource option's, else the annotation's, else ten minutes."""
    text = annotation(inputs, TIMEOUT)
    return given or (float(text) if text.isdigit() else DEFAULT_TIMEOUT)


def is_skipped(inputs: Object) -> bool:
    return annotation(inputs, SKIP) == "true"


def check_for(api: Api, kind: Kind, inputs: Object) -> Check:
    """What makes the object ready, by its annotations and its kind. Raises `ValueError`."""
    if is_skipped(inputs):
        return lambda _: READY
    if wanted := annotation(inputs, WAIT_FOR):
        return _custom(wanted)
    return builtin_check(api, kind)


def builtin_check(api: Api, kind: Kind) -> Check:
    key = (kind.group, kind.name)
    if key == ("", "Service"):
        return lambda live: _service(api, live)
    if key == ("", "PersistentVolumeClaim"):
        return lambda live: _claim(api, live)
    return CHECKS.get(key, lambda _: READY)


def _custom(text: str) -> Check:
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = [text]
    expressions = parsed if isinstance(parsed, list) else [text]
    if not expressions:
        raise ValueError(f"{WAIT_FOR}: an empty list; name at least one condition")
    checks = [_expression(str(expression)) for expression in expressions]

    def check(live: Object) -> Verdict:
        return next((verdict for verdict in (one(live) for one in checks) if not verdict.ready), READY)

    return check


def _expression(text: str) -> Check:
    if text.startswith("jsonpath="):
        path = jsonpath.parse(text)
        return lambda live: READY if path.holds(live) else Verdict(False, f"waiting for {text}")
    if text.startswith("condition="):
        name, _, status = text.removeprefix("condition=").partition("=")
        return lambda live: _has_condition(live, name, status or "True")
    raise ValueError(f"{WAIT_FOR}: {text!r} starts with neither `jsonpath=` nor `condition=`")


def _has_condition(live: Object, name: str, status: str) -> Verdict:
    found = condition(live, name)
    if str(found.get("status", "")).lower() == status.lower():
        return READY
    return Verdict(False, f"condition {name} is {found.get('status', 'absent')}, not {status}")


def _service(api: Api, live: Object) -> Verdict:
    kind, spec = at(live, "spec.type"), live.get("spec") or {}
    if kind == "ExternalName":
        return READY
    if spec.get("selector") and spec.get("clusterIP") != "None":
        selector = f"kubernetes.io/service-name={meta(live)['name']}"
        slices = api.items(_SLICE, meta(live)["namespace"], labelSelector=selector)
        endpoints = [endpoint for piece in slices for endpoint in piece.get("endpoints") or []]
        if not any(at(endpoint, "conditions.ready") is not False for endpoint in endpoints):
            return Verdict(False, "the Service does not target any ready Pods; its selector may match none")
    if kind == "LoadBalancer" and not at(live, "status.loadBalancer.ingress"):
        return Verdict(False, "no load balancer has given it an address (status.loadBalancer.ingress)")
    return READY


def _claim(api: Api, live: Object) -> Verdict:
    phase, storage_class = at(live, "status.phase"), at(live, "spec.storageClassName")
    if phase == "Bound":
        return READY
    found = api.find(_STORAGE_CLASS, "", storage_class) if storage_class else None
    if found and found.get("volumeBindingMode") == "WaitForFirstConsumer":
        return READY
    return Verdict(False, f"the claim is {phase or 'Pending'}, no volume is bound to it")


def until_ready(  # noqa: PLR0917
    api: Api, kind: Kind, live: Object, check: Check, timeout: float, report: Report
) -> Object:
    """Wait until `check` holds for the object; returns it as it is then. Raises `NotReadyError`."""
    deadline, interval = until(timeout), _SHORTEST
    while True:
        try:
            verdict = check(live)
            if verdict.ready:
                return live
            if verdict.failed:
                raise NotReadyError(live, verdict.reason)
            if passed(deadline):
                raise NotReadyError(live, f"timed out after {timeout:g} s: {verdict.reason}")
            report(verdict.reason)
            api.pause(interval)
            interval = min(interval * 1.5, _LONGEST)
            found = api.find(kind, meta(live).get("namespace", ""), meta(live)["name"])
        except StoppedError as error:
            raise NotReadyError(live, str(error)) from None
        except (ApiError, UnreachableError) as error:
            if passed(deadline):
                raise NotReadyError(live, f"timed out after {timeout:g} s: {error}") from None
            report(str(error))
            continue
        if found is None:
            raise NotReadyError(live, "it was deleted by someone else in the meantime")
        live = found


def until_gone(api: Api, kind: Kind, live: Object, timeout: float, report: Report) -> None:
    """Wait until the object `live`, being deleted, is gone. Raises `NotReadyError`, saying what holds it."""
    deadline, interval = until(timeout), _SHORTEST
    while True:
        reason = holding(kind, live)
        if passed(deadline):
            raise NotReadyError(live, f"timed out after {timeout:g} s waiting for the deletion: {reason}")
        report(reason)
        api.pause(interval)
        interval = min(interval * 1.5, _LONGEST)
        try:
            found = api.find(kind, meta(live).get("namespace", ""), meta(live)["name"])
        except (ApiError, UnreachableError) as error:
            report(str(error))
            continue
        if found is None or meta(found).get("uid") != meta(live).get("uid"):
            return
        live = found


def holding(kind: Kind, live: Object) -> str:
    """What keeps an object from going."""
    finalizers = [name for name in meta(live).get("finalizers") or [] if name != "foregroundDeletion"]
    if kind.name == "Namespace" and not kind.group:
        remaining = [
            f"{name}: {found['message']}"
            for name in (
                "NamespaceDeletionDiscoveryFailure",
                "NamespaceDeletionContentFailure",
                "NamespaceContentRemaining",
                "NamespaceFinalizersRemaining",
            )
            if (found := condition(live, name)).get("status") == "True"
        ]
        if remaining:
            return "the namespace is not empty: " + "; ".join(remaining)
    if finalizers:
        names = ("finalizer " if len(finalizers) == 1 else "finalizers ") + ", ".join(finalizers)
        return f"held by the {names}: the controller that set it must remove it"
    return "the API server has not removed it yet"
