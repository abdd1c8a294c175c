"""Creating, updating and deleting one object by server-side apply, and waiting for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from components.cluster import ApiError
from twin.plugins.kubernetes import fields
from twin.plugins.kubernetes.api import Api, NoSuchKindError, passed, until
from twin.plugins.kubernetes.difference import parse_path
from twin.plugins.kubernetes.kinds import Kind
from twin.plugins.kubernetes.naming import unique
from twin.plugins.kubernetes.objects import annotation, meta
from twin.plugins.kubernetes.values import UNKNOWN, Object, has_unknown
from twin.plugins.kubernetes.waiting import (
    Report,
    check_for,
    is_skipped,
    timeout_of,
    until_gone,
    until_ready,
)

_GUIDE = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/"
    "#handle-field-conflicts-on-existing-resources"
)
_PATCH_FORCE = "pulumi.com/patchForce"
_PROPAGATION = "pulumi.com/deletionPropagationPolicy"
_PROPAGATIONS = {"orphan": "Orphan", "background": "Background", "foreground": "Foreground"}
_PATIENCE, _SHORT_PATIENCE = 30.0, 8.0
"""Seconds to wait for a kind or a namespace that this update makes, or that it does not mention."""
_NO_PERMISSION = re.compile(r"cannot \w+ resource|exceeded quota|not found|not currently held")
"""Refusals of a preview that the update itself may not meet: what it needs may not be there yet."""
_ALONE = frozenset(
    [
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "DeviceClass",
        "LimitRange",
        "Namespace",
        "NetworkPolicy",
        "Node",
        "PriorityClass",
        "ResourceQuota",
        "ResourceSlice",
        "Role",
        "RoleBinding",
        "RuntimeClass",
        "Secret",
        "ServiceAccount",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]
)
"""Built-in kinds that own no other objects: nothing must go before them."""
_WORKLOADS = frozenset(
    {"Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"}
)
"""Kinds whose deletion is not waited for either where `pulumi.com/skipAwait` is set."""


class ConflictError(Exception):
    """Other field managers own fields that are to be set."""

    def __init__(self, manager: str, error: ApiError) -> None:
        causes = (error.status.get("details") or {}).get("causes") or []
        listed = "; ".join(f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes)
        super().__init__(
            f"server-side apply field conflict detected, see {_GUIDE} for troubleshooting help\n"
            f'The resource managed by field manager "{manager}" had an apply conflict: {error.message}'
            f"{f' ({listed})' if listed else ''}\n"
            f'To take the fields over, set the annotation {_PATCH_FORCE}: "true"'
        )


@dataclass(frozen=True)
class Order:
    """One object to create or update: its kind, the plain inputs, and who manages its fields."""

    urn: str
    kind: Kind
    inputs: Object
    manager: str
    timeout: float
    preview: bool
    patch_force: bool
    is_defined: Callable[[], bool] = lambda: False
    """Whether a definition of the kind has been seen in the program."""

    @property
    def forced(self) -> bool:
        return self.patch_force or annotation(self.inputs, _PATCH_FORCE) == "true"


def create(api: Api, order: Order, report: Report) -> Object | None:
    """Create, or adopt, and wait. None: a preview that cannot ask the API server.

    Raises `NotReadyError` where the object exists but is not ready.
    """
    if order.preview:
        return None if order.kind.patch or has_unknown(order.inputs) else _previewed(api, order)
    live = _patiently(api, order, report)
    return _awaited(api, order, live, report)


def _patiently(api: Api, order: Order, report: Report) -> Object:
    """Apply; where the kind or the namespace is not there, give those that are being made some time."""
    pause, short, long = 0.2, until(_SHORT_PATIENCE), until(_PATIENCE)
    while True:
        try:
            return _applied(api, order, force=order.forced)
        except (NoSuchKindError, ApiError) as error:
            if isinstance(error, ApiError) and error.code != 404:
                raise
            if passed(long if order.is_defined() else short):
                raise
            report(f"retrying: {error}")
        api.pause(pause)
        pause = min(pause * 1.6, 2.0)


def _applied(api: Api, order: Order, *, force: bool) -> Object:
    try:
        return api.apply(order.kind, order.inputs, order.manager, force=force, dry_run=order.preview)
    except ApiError as error:
        if error.code == 409 and (error.status.get("details") or {}).get("causes"):
            raise ConflictError(order.manager, error) from None
        raise


def _previewed(api: Api, order: Order) -> Object | None:
    """What the API server would make of a new object; its own refusals are raised."""
    try:
        try:
            live = _applied(api, order, force=True)
        except ApiError as error:
            if error.code != 422:
                raise
            # An object that this one replaces may still be there; under another name only this one is judged.
            name = meta(order.inputs)["name"]
            other = order.inputs | {"metadata": meta(order.inputs) | {"name": unique(f"{name[:200]}-")}}
            live = api.apply(order.kind, other, order.manager, force=True, dry_run=True)
            live["metadata"]["name"] = name
    except NoSuchKindError:
        return None
    except ApiError as error:
        if error.code == 404 or (error.code == 403 and _NO_PERMISSION.search(error.message)):
            return None
        raise
    live.pop("status", None)
    live["metadata"].pop("managedFields", None)
    live["metadata"] |= dict.fromkeys(("uid", "resourceVersion", "creationTimestamp"), UNKNOWN)
    if order.kind.name == "Service" and "clusterIP" not in order.inputs.get("spec", {}):
        live["spec"] |= {key: UNKNOWN for key in ("clusterIP", "clusterIPs") if key in live["spec"]}
    return live


def update(api: Api, order: Order, old: Object, ignored: Iterable[str], report: Report) -> Object | None:
    """Bring the object `old` to the inputs and wait. None: a preview that cannot ask the API server."""
    if order.preview and has_unknown(order.inputs):
        return None
    inputs, force = order.inputs, order.forced
    takes_over = not order.kind.patch and fields.client_side_entries(old, order.manager)
    paths = [parse_path(path) for path in ignored]
    if takes_over or paths:
        live = api.find(order.kind, meta(old).get("namespace", ""), meta(old)["name"]) or {}
        inputs = fields.yielding(inputs, live, order.manager, paths)
        if fields.client_side_entries(live, order.manager) and takes_over:
            force = force or order.preview
            if not order.preview:
                patch = fields.taken_over(live, order.manager)
                api.patch(order.kind, meta(live).get("namespace", ""), meta(live)["name"], patch)
    changed = Order(**(vars(order) | {"inputs": inputs}))
    try:
        applied = _applied(api, changed, force=force)
    except NoSuchKindError:
        if order.preview:
            return None
        raise
    except ApiError as error:
        if order.preview and (
            error.code == 404 or (error.code == 403 and _NO_PERMISSION.search(error.message))
        ):
            return None
        raise
    return applied if order.preview else _awaited(api, changed, applied, report)


def _awaited(api: Api, order: Order, live: Object, report: Report) -> Object:
    check = check_for(api, order.kind, order.inputs)
    ready = until_ready(api, order.kind, live, check, timeout_of(order.timeout, order.inputs), report)
    if ready is not live:
        report("")
    return ready


def delete(  # noqa: PLR0917
    api: Api, kind: Kind, live: Object, inputs: Object, timeout: float, report: Report
) -> None:
    """Delete, and wait until the object is gone; that it is gone already is success."""
    namespace, name = meta(live).get("namespace", ""), meta(live)["name"]
    try:
        answer = api.delete(kind, namespace, name, _propagation(kind, inputs))
    except NoSuchKindError:
        return
    except ApiError as error:
        if error.code == 404:
            return
        if error.code != 409:
            raise
        # A namespace that is being deleted already answers so: wait for it as for our own deletion.
        answer = api.find(kind, namespace, name) or {"kind": "Status"}
        if not meta(answer).get("deletionTimestamp") and answer.get("kind") != "Status":
            raise
    if answer.get("kind") == "Status" or (is_skipped(inputs) and kind.name in _WORKLOADS):
        return
    if not meta(answer).get("deletionTimestamp") and api.find(kind, namespace, name) is None:
        return
    until_gone(api, kind, answer, timeout_of(timeout, inputs), report)
    report("")


def _propagation(kind: Kind, inputs: Object) -> str:
    default = "background" if kind.built_in and kind.name in _ALONE else "foreground"
    return _PROPAGATIONS.get(annotation(inputs, _PROPAGATION).lower(), _PROPAGATIONS[default])


def relinquish(api: Api, kind: Kind, live: Object, manager: str) -> None:
    """Give up the fields that `manager` owns; what others own stays."""
    namespace, name = meta(live).get("namespace", ""), meta(live)["name"]
    try:
        if api.find(kind, namespace, name) is None:
            return
    except NoSuchKindError:
        return
    identity = {"name": name, **({"namespace": namespace} if namespace else {})}
    api.apply(kind, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": identity}, manager)
