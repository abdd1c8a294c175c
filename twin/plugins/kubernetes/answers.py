"""How a call ends: with an answer, an error in plain words, or half done with a state to record."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.struct_pb2 import Struct
from lightkube.core.exceptions import ConfigError

from components.cluster import ApiError, UnreachableError
from twin.plugins.kubernetes.api import NoSuchKindError, StoppedError
from twin.plugins.kubernetes.operations import ConflictError
from twin.plugins.kubernetes.session import ClusterUnreachableError
from twin.plugins.kubernetes.stubs import provider_pb2, status_pb2
from twin.plugins.kubernetes.values import Object, Redactor, pack, unpack
from twin.plugins.kubernetes.waiting import NotReadyError

Method = TypeVar("Method", bound=Callable[..., Any])

_EXPECTED = (
    ApiError,
    ClusterUnreachableError,
    ConfigError,
    ConflictError,
    NoSuchKindError,
    NotReadyError,
    StoppedError,
    ValueError,
)
"""Errors whose text is written for the user."""


class PartialError(Exception):
    """The object exists, but is not as it should be: `state` is recorded, and the next update repairs it."""

    def __init__(self, identifier: str, state: Object, reason: str, inputs: Object | None = None) -> None:
        reason = Redactor(state)(reason)
        failure = provider_pb2.ErrorResourceInitFailed(
            id=identifier, properties=pack(state), reasons=[reason]
        )
        if inputs is not None:
            failure.inputs.CopyFrom(pack(inputs))
        self.failure = failure
        super().__init__(reason)

    def status(self) -> bytes:
        """The rich status that carries the failure."""
        detail = any_pb2.Any()
        detail.Pack(self.failure)
        code = grpc.StatusCode.UNKNOWN.value[0]
        return status_pb2.Status(code=code, message=str(self), details=[detail]).SerializeToString()


def answering(method: Method) -> Method:
    """Ends the call with the text of whatever `method` raises, secret values of the request taken out."""

    @wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        code = grpc.StatusCode.UNKNOWN
        try:
            return method(self, request, context)
        except PartialError as error:
            context.set_trailing_metadata((("grpc-status-details-bin", error.status()),))
            text = str(error)
        except grpc.RpcError as error:
            # The engine refused what a component registered: it has said why already.
            text = getattr(error, "details", lambda: "")() or str(error)
        except UnreachableError as error:
            text = str(ClusterUnreachableError(str(error)))
        except _EXPECTED as error:
            text = redactor(request)(str(error))
        except Exception as error:
            code = grpc.StatusCode.INTERNAL
            text = f"the provider failed in {method.__name__}: {type(error).__name__}: {error}"
        context.abort(code, redactor(request)(text))
        return None

    return answer  # type: ignore[return-value]


def redactor(request: Any) -> Redactor:
    """Knows the secret values among the properties of a request."""
    found = [value for field, value in request.ListFields() if isinstance(value, Struct)]
    return Redactor(*map(unpack, found))
