"""Reading live objects: for a refresh, an import, or a program's `get`."""

from __future__ import annotations

from components.cluster import UnreachableError
from twin.plugins.kubernetes.answers import PartialError
from twin.plugins.kubernetes.api import NoSuchKindError
from twin.plugins.kubernetes.engine import Engine
from twin.plugins.kubernetes.fields import declared, prune
from twin.plugins.kubernetes.kinds import Kind, kind_of_type, resource_type
from twin.plugins.kubernetes.objects import identifier, meta
from twin.plugins.kubernetes.readiness import job
from twin.plugins.kubernetes.session import ClusterUnreachableError, Session
from twin.plugins.kubernetes.state import checkpoint, manager_of, program_inputs, read_state
from twin.plugins.kubernetes.stubs import provider_pb2
from twin.plugins.kubernetes.values import Object, conceal, from_api, pack, unpack
from twin.plugins.kubernetes.waiting import builtin_check, is_skipped

Response = provider_pb2.ReadResponse


def read(session: Session, engine: Engine, request: provider_pb2.ReadRequest) -> Response:
    """The object as it is; an empty response only where the API server says that there is none."""
    kind, settings = kind_of_type(resource_type(request.urn)), session.settings
    namespace, _, name = request.id.rpartition("/")
    if not name:
        raise ValueError(f"{request.id!r} is no id of an object, which is `namespace/name` or `name`")
    try:
        live = _find(session, kind, namespace or session.namespace, name)
    except ClusterUnreachableError as error:
        engine.warn(f"configured Kubernetes cluster is unreachable: {error.reason}", request.urn)
        if settings.delete_unreachable:
            return Response()
        if settings.skip_update_unreachable:
            return Response(id=request.id, properties=request.properties, inputs=request.inputs)
        raise
    return Response() if live is None else _answer(session, kind, live, request)


def _find(session: Session, kind: Kind, namespace: str, name: str) -> Object | None:
    try:
        return session.api.find(kind, namespace, name)
    except NoSuchKindError:
        return None  # without its definition, an object is gone
    except UnreachableError as error:
        raise ClusterUnreachableError(str(error)) from None


def _answer(session: Session, kind: Kind, live: Object, request: provider_pb2.ReadRequest) -> Response:
    wrapped, state = unpack(request.inputs), read_state(unpack(request.properties))
    known = program_inputs(wrapped) or state.inputs
    inputs = prune(live, known) if known else declared(live)
    manager = manager_of(request.urn, inputs, state.manager)
    recorded = checkpoint(live, inputs, wrapped, api_version=state.api_version, manager=manager)
    concealed = conceal(from_api(inputs), wrapped)
    if known and not is_skipped(known):
        verdict = builtin_check(session.api, kind)(live)
        if not verdict.ready and not meta(live).get("deletionTimestamp"):
            reason = f"{kind.name} {identifier(live)} is not ready: {verdict.reason}"
            raise PartialError(request.id, recorded, reason, concealed)
    return Response(id=request.id or identifier(live), properties=pack(recorded), inputs=pack(concealed))


def is_unready_job(session: Session, kind: Kind, live: Object) -> bool:
    """Whether the live object is a Job that has not completed; False where it cannot be seen."""
    if (kind.group, kind.name) != ("batch", "Job") or not session.reachable:
        return False
    found = _find(session, kind, meta(live).get("namespace", ""), meta(live)["name"])
    return found is not None and not job(found).ready
