"""The audit line."""

from __future__ import annotations

import json
import re

from components import naming
from components.gateway.values import audit, charts, proxy
from components.model import Gateway


def test_every_call_is_written_down(gateway: Gateway) -> None:
    log = proxy.envoy_proxy(gateway, {})["spec"]["telemetry"]["accessLog"]
    [setting] = log["settings"]
    assert "disable" not in log
    assert "matches" not in setting
    assert setting["type"] == "Route", "one line a call, not one more for its connection"
    assert setting["sinks"] == [{"type": "File", "file": {"path": "/dev/stdout"}}]
    assert setting["format"]["json"] == dict(audit.FIELDS)


def test_a_line_says_who_what_how_much_and_why() -> None:
    fields = set(audit.FIELDS)
    assert {"time", "month", "request", "host", "client", "task"} <= fields
    assert {"model", "backend", "backend_model", "response_model"} <= fields
    assert {"input_tokens", "cached_input_tokens", "output_tokens", "total_tokens", "cost"} <= fields
    assert {"status", "details", "flags", "decision", "refusal"} <= fields
    assert {"milliseconds", "bytes_received", "bytes_sent"} <= fields


def test_what_is_removed_on_the_way_is_noted_before() -> None:
    """The line is written when the request's headers are those that the provider got."""
    noted = dict(
        pair.split(":") for pair in charts.ai_gateway()["controller"]["logRequestHeaderAttributes"].split(",")
    )
    for header, field in noted.items():
        operators = json.loads(re.fullmatch(r"%COALESCE\((.*)\)%", audit.FIELDS[field])[1])["operators"]  # type: ignore[index]
        assert operators == [
            {"command": "DYNAMIC_METADATA", "param": f"io.envoy.ai_gateway:{field}"},
            {"command": "REQ", "param": header},
        ]
    assert {naming.CLIENT_HEADER, naming.HOST_HEADER, naming.DECISION_HEADER} <= set(noted)
    assert naming.MODEL_HEADER not in noted, "the note would name the provider's model, not the one asked for"


def test_no_line_holds_a_credential_or_a_query() -> None:
    text = " ".join(audit.FIELDS.values()).lower()
    assert not re.search(r"authorization|x-api-key|cookie", text)
    assert audit.FIELDS["path"] == "%PATH(NQ:ORIG_OR_PATH)%"
