"""Answers to the engine's questions of what has changed."""

from __future__ import annotations

import json

from twin.plugins.kubernetes.difference import Change, compare
from twin.plugins.kubernetes.kinds import fixed_fields, kind_of_type, resource_type
from twin.plugins.kubernetes.naming import is_autonamed
from twin.plugins.kubernetes.objects import annotation, meta
from twin.plugins.kubernetes.reading import is_unready_job
from twin.plugins.kubernetes.session import Session, cluster_of
from twin.plugins.kubernetes.settings import KEYS
from twin.plugins.kubernetes.state import program_inputs, read_state
from twin.plugins.kubernetes.stubs import provider_pb2
from twin.plugins.kubernetes.values import Object, has_unknown, is_unknown, plain, unpack

Response = provider_pb2.DiffResponse
_CHANGES = {
    (Change.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Change.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Change.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Change.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}
_TARGETS = ("kubeconfig", "context", "cluster")
_REPLACE_UNREADY = "pulumi.com/replaceUnready"


def diff_config(request: provider_pb2.DiffRequest) -> Response:
    """Another cluster needs all resources anew; other settings do not touch them."""
    old, new = plain(unpack(request.olds)), plain(unpack(request.news))
    changed = [key for key in KEYS if old.get(key) != new.get(key)]
    replaces = [key for key in changed if key == "clusterIdentifier"]
    unknown = [key for key in _TARGETS if is_unknown(new.get(key))]
    if unknown:
        replaces += unknown
    elif cluster_of(_texts(old)) != cluster_of(_texts(new)):
        replaces += [key for key in changed if key in _TARGETS]
    if "clusterIdentifier" in new and old.get("clusterIdentifier") == new["clusterIdentifier"]:
        replaces = []
    return Response(changes=_some(bool(changed)), diffs=changed, replaces=replaces)


def diff(session: Session, request: provider_pb2.DiffRequest) -> Response:
    """What differs between the inputs that were applied (or read by a refresh) and the new ones."""
    kind, state = kind_of_type(resource_type(request.urn)), read_state(unpack(request.olds))
    old = program_inputs(unpack(request.old_inputs)) or state.inputs
    new = program_inputs(unpack(request.news))
    if not session.is_namespaced(kind):
        old, new = (_without_namespace(inputs) for inputs in (old, new))
    elif not meta(old).get("namespace") and meta(state.live).get("namespace"):
        old = old | {"metadata": meta(old) | {"namespace": meta(state.live)["namespace"]}}
    settings = session.settings
    fixed = fixed_fields(
        kind,
        new,
        mutable_config_maps=settings.mutable_config_maps,
        mutable_secrets=settings.mutable_secrets,
    )
    found = compare(old, new, fixed, request.ignoreChanges)
    replaces = list(found.replaces)
    if annotation(new, _REPLACE_UNREADY) == "true" and is_unready_job(session, kind, state.live):
        replaces.append(f'metadata.annotations["{_REPLACE_UNREADY}"]')
    detailed = {
        path: provider_pb2.PropertyDiff(kind=_CHANGES[change, path in found.replaces], inputDiff=True)
        for path, change in found.changes.items()
    }
    return Response(
        changes=_some(bool(found.changes or replaces)),
        replaces=replaces,
        diffs=sorted({path.split(".")[0].split("[")[0] for path in found.changes}),
        deleteBeforeReplace=bool(replaces) and _same_place(new, state.live),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _some(changed: bool) -> Response.DiffChanges.ValueType:
    return Response.DIFF_SOME if changed else Response.DIFF_NONE


def _texts(values: Object) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def _without_namespace(inputs: Object) -> Object:
    metadata = {key: value for key, value in meta(inputs).items() if key != "namespace"}
    return inputs | {"metadata": metadata} if isinstance(inputs.get("metadata"), dict) else inputs


def _same_place(new: Object, live: Object) -> bool:
    """Whether the replacement must have the very name of what it replaces, which then has to go first."""
    if is_autonamed(new) or has_unknown(meta(new).get("name")):
        return False
    return all(meta(new).get(key) == meta(live).get(key) for key in ("name", "namespace"))
