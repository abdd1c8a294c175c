"""The audit line: one JSON object for every call, refused ones too. It is the usage record as well.

Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from components import naming
from components.gateway.values.cost import COST, COUNTED

KIND: Final = f"{naming.DOMAIN}/call"
"""Value of `kind`: tells an audit line from all else that a proxy prints."""


ATTRIBUTES: Final[Mapping[str, str]] = {
    naming.HOST_HEADER: "host",
    naming.MONTH_HEADER: "month",
    naming.CLIENT_HEADER: "client",
    naming.ASSURANCE_HEADER: "assurance",
    naming.TASK_HEADER: "task",
    naming.TASK_KIND_HEADER: "task_kind",
    naming.FINGERPRINT_HEADER: "fingerprint",
    naming.DECISION_HEADER: "decision",
}
"""Headers that the AI gateway notes in the call's metadata before a provider is asked, by field.

On the way to a provider these headers are removed or changed, so the line cannot take them from the request;
a call that is refused before the note is taken still has them.
"""


def _noted(header: str, field: str) -> str:
    """What was noted, else the header."""
    operators = [
        {"command": "DYNAMIC_METADATA", "param": f"{naming.COST_NAMESPACE}:{field}"},
        {"command": "REQ", "param": header},
    ]
    return f"%COALESCE({json.dumps({'operators': operators})})%"


def _used(key: str) -> str:
    return f"%DYNAMIC_METADATA({naming.COST_NAMESPACE}:{key})%"


FIELDS: Final[Mapping[str, str]] = {
    "kind": KIND,
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request": "%REQ(X-REQUEST-ID)%",
    "source": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "route": "%ROUTE_NAME%",
    **{field: _noted(header, field) for header, field in ATTRIBUTES.items()},
    "model": f"%REQ({naming.MODEL_HEADER})%",
    "backend": _used("ai_service_backend_name"),
    "backend_model": _used("model_name_override"),
    "response_model": _used("response_model"),
    **{key: _used(key) for key in (*COUNTED, COST)},
    "tool_server": _used("mcp_backend"),
    "tool": _used("mcp_tool_name"),
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "refusal": f"%RESP({naming.DECISION_HEADER.upper()})%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "milliseconds": "%DURATION%",
    "first_byte_milliseconds": "%RESPONSE_DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "upstream": "%UPSTREAM_HOST%",
}
"""Fields by name. Never a prompt, an answer, a key or a query; what a call did not have is null."""


def access_log() -> dict[str, Any]:
    """Every call, without a filter and without sampling, to the proxies' standard output."""
    sink = {"type": "File", "file": {"path": "/dev/stdout"}}
    line = {"type": "JSON", "json": dict(FIELDS)}
    return {"settings": [{"type": "Route", "format": line, "sinks": [sink]}]}
