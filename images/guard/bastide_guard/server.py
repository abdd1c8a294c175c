"""The gRPC service that Envoy asks: thin, for all that is decided is decided in `judge`."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc
from google.protobuf import empty_pb2
from google.protobuf.unknown_fields import UnknownFieldSet

from bastide_guard import metrics
from bastide_guard.call import Call, Verdict, endpoint, grant_of
from bastide_guard.refusal import UNAVAILABLE, Code, Refusal
from bastide_guard.tenants import Tenants
from bastide_guard.workers import Workers

LOG: Final = logging.getLogger(__name__)
PROTOCOL_CONFIG: Final = 11
REQUEST_BODY_MODE: Final = 1
BUFFERED: Final = processing_mode_pb2.ProcessingMode.BUFFERED
SKIPPED: Final = ("request_trailers", "response_headers", "response_body", "response_trailers")


class Guard(external_processor_pb2_grpc.ExternalProcessorServicer):  # type: ignore[misc]
    """Answers Envoy's questions about one call after the other."""

    def __init__(self, tenants: Tenants, workers: Workers) -> None:
        self._tenants = tenants
        self._workers = workers

    async def Process(self, messages: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """One stream is one call. Whatever goes wrong, the call is refused."""
        stream = Stream(self._tenants, self._workers)
        async for message in messages:
            try:
                answer = await stream.answer(message)
            except Refusal as refusal:
                answer = stream.refuse(refusal)
            except Exception as error:  # fail closed, and say no word of the call
                LOG.error("call refused: %s at %s", type(error).__name__, _place(error))
                answer = stream.refuse(UNAVAILABLE)
            yield answer
            if answer.HasField("immediate_response"):
                return


class Stream:
    """One call: what its headers said is needed when its body comes."""

    def __init__(self, tenants: Tenants, workers: Workers) -> None:
        self._tenants = tenants
        self._workers = workers
        self._tenant = "unknown"
        self._call: Call | None = None
        self._grant = ""
        self._rules = b""

    async def answer(self, message: Any) -> Any:
        """The answer to one message of Envoy. Raises `Refusal`."""
        which = message.WhichOneof("request")
        if which == "request_headers":
            _check_mode(message)
            self._identify(_headers(message.request_headers.headers))
            if message.request_headers.end_of_stream:
                return pb.ProcessingResponse(request_headers=await self._verdict(b""))
            return pb.ProcessingResponse(request_headers=pb.HeadersResponse())
        if which == "request_body":
            given = await self._verdict(message.request_body.body)
            return pb.ProcessingResponse(request_body=pb.BodyResponse(response=given.response))
        if which in SKIPPED:
            return pb.ProcessingResponse(**{which: {}})
        raise ValueError(which)

    def refuse(self, refusal: Refusal) -> Any:
        """Envoy answers the caller itself."""
        metrics.CALLS.labels(self._tenant, refusal.code.value).inc()
        headers = {
            "content-type": "application/json",
            "x-bastide-decision": f"refuse;code={refusal.code}",
        }
        return pb.ProcessingResponse(
            immediate_response=pb.ImmediateResponse(
                status={"code": refusal.status},
                headers=_mutation(headers),
                body=refusal.body(anthropic=bool(self._call and self._call.anthropic)),
                details=f"guard:{refusal.code}",
            )
        )

    def _identify(self, headers: Mapping[str, str]) -> None:
        self._call = Call(
            method=headers.get(":method", ""),
            path=headers.get(":path", ""),
            client=headers.get("x-bastide-client", ""),
            task=headers.get("x-bastide-task", ""),
            task_kind=headers.get("x-bastide-task-kind", ""),
        )
        tenant = self._tenants.at(headers.get(":authority", ""))
        if tenant is None:
            raise Refusal(Code.UNKNOWN_TENANT, "No tenant has this host name.")
        self._tenant = tenant.policy.tenant
        self._grant = grant_of(tenant.policy, self._call.client, time.time())
        self._rules = tenant.rules(self._grant)
        endpoint(self._call)

    async def _verdict(self, body: bytes) -> Any:
        if self._call is None:
            raise ValueError("body before headers")
        begun = time.monotonic()
        verdict = await self._workers.judge(self._rules, self._grant, self._call, body, time.time())
        metrics.SECONDS.observe(time.monotonic() - begun)
        metrics.CALLS.labels(self._tenant, "allow").inc()
        for entity, count in verdict.masked.items():
            metrics.MASKED.labels(self._tenant, entity).inc(count)
        if verdict.log:
            print(verdict.log, file=sys.stdout, flush=True)
        return pb.HeadersResponse(response=_common(verdict))


def _common(verdict: Verdict) -> Any:
    headers = {"x-bastide-decision": verdict.decision}
    if verdict.fingerprint:
        headers["x-bastide-fingerprint"] = verdict.fingerprint
    if verdict.body is None:
        return pb.CommonResponse(header_mutation=_mutation(headers))
    headers["content-length"] = str(len(verdict.body))
    return pb.CommonResponse(
        header_mutation=_mutation(headers), body_mutation=pb.BodyMutation(body=verdict.body)
    )


def _mutation(headers: Mapping[str, str]) -> Any:
    return pb.HeaderMutation(
        set_headers=[
            base_pb2.HeaderValueOption(
                header=base_pb2.HeaderValue(key=key, raw_value=value.encode()),
                append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )
            for key, value in headers.items()
        ]
    )


def _headers(given: Any) -> dict[str, str]:
    """By name; of a header that comes twice all values, which then match nothing."""
    found: dict[str, str] = {}
    for each in given.headers:
        value = (each.raw_value or each.value.encode()).decode("utf-8", "replace")
        found[each.key] = f"{found[each.key]},{value}" if each.key in found else value
    return found


def _check_mode(message: Any) -> None:
    """A filter that does not send the whole body would let it pass unseen.

    Envoy says how it is set in `ProcessingRequest.protocol_config`, which is newer than the stubs here.
    """
    for config in _unknown(message, PROTOCOL_CONFIG):
        if BUFFERED not in _unknown(empty_pb2.Empty.FromString(config), REQUEST_BODY_MODE):
            raise ValueError("the body is not buffered")


def _unknown(message: Any, number: int) -> list[Any]:
    """Values of a field that the stubs do not know."""
    fields: Any = UnknownFieldSet(message)
    return [field.data for field in fields if field.field_number == number]


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "?"
