"""A line of a proxy's log is a record, none of ours, or a broken record; nothing else."""

from __future__ import annotations

import io
import json

import pytest

from cli.usage import records, sources
from cli.usage.records import BrokenRecordError, parse
from components.gateway.values.audit import FIELDS
from tests.cli.usagelog import ADA, call, refused


class Asked(dict[str, object]):
    """A record that notes which of its fields were read."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.read: set[str] = set()

    def get(self, key: str, default: object = None) -> object:
        self.read.add(key)
        return super().get(key, default)


def test_every_field_that_is_read_is_written() -> None:
    asked = Asked(json.loads(refused(429, "limited")))
    records._record(asked)
    assert len(asked.read) > 10
    assert asked.read <= set(FIELDS)


def test_a_record_is_read() -> None:
    found = parse(call().encode())
    assert found is not None
    assert (found.time[:7], found.client, found.provider, found.served) == (
        "2026-11",
        ADA,
        "halls",
        "qwen3-32b",
    )
    assert (found.input, found.cached, found.output, found.cost) == (1000, 400, 500, 5)
    assert found.counted


def test_a_hop_to_a_tool_server_is_no_call_of_its_own() -> None:
    hop = refused(200, "via_upstream", route="httproute/acme-gateway/ai-eg-mcp-br-tools/rule/0", client=None)
    assert parse(hop.encode()) is None
    tool = call(route="httproute/acme-gateway/ai-eg-mcp-main-tools/rule/0", tool="web_search")
    assert parse(tool.encode()) is not None


def test_a_refused_call_has_no_tokens_and_a_reason() -> None:
    found = parse(refused(429, "request_rate_limited", refusal="budget").encode())
    assert found is not None
    assert (found.input, found.output, found.cost, found.counted, found.reason) == (0, 0, 0, False, "budget")
    bare = parse(refused(503, "upstream_reset{connection_refused}", client=None).encode())
    assert bare is not None
    assert (bare.client, bare.reason) == ("", "upstream_reset")


@pytest.mark.parametrize("number", [1000, 1000.0, "1000"])
def test_counts_may_be_written_in_any_way_that_envoy_does(number: object) -> None:
    found = parse(call(input_tokens=number).encode())
    assert found is not None
    assert found.input == 1000


def test_what_a_container_runtime_puts_before_a_record_is_passed_over() -> None:
    found = parse(b"2026-11-03T10:00:00.1Z stdout F " + call().encode())
    assert found is not None
    assert found.input == 1000


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"[2026-11-03 10:00:00.000][1][info][main] starting",
        b'{"level": "info"}',
        b'[info] x{y"}',
        b"[]",
    ],
)
def test_other_lines_are_no_records(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"time": None}, "time"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-13-01T00:00:00Z"}, "time"),
        ({"input_tokens": -1}, "input_tokens"),
        ({"output_tokens": 1.5}, "output_tokens"),
        ({"output_tokens": True}, "output_tokens"),
        ({"cost": 2**63}, "cost"),
        ({"cost": "many"}, "cost"),
        ({"status": [200]}, "status"),
        ({"client": {"a": 1}}, "client"),
    ],
    ids=str,
)
def test_a_broken_record_says_what_is_wrong(given: dict[str, object], named: str) -> None:
    with pytest.raises(BrokenRecordError, match=named):
        parse(call(**given).encode())


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_record_that_was_cut_off_is_broken(cut: int) -> None:
    with pytest.raises(BrokenRecordError):
        parse(call().encode()[:-cut])


def test_not_a_number_is_no_count() -> None:
    with pytest.raises(BrokenRecordError, match="cost"):
        parse(call().replace('"cost": 5', '"cost": NaN').encode())


def test_deep_nesting_is_a_broken_record_and_no_crash() -> None:
    with pytest.raises(BrokenRecordError):
        parse(b'{"kind": ' + b"[" * 200_000)


def test_a_line_without_an_end_is_read_in_parts() -> None:
    parts = list(sources.lines(io.BytesIO(b"x" * (sources.LINE_MAX + 10) + b"\ny\n")))
    assert [len(part) for part in parts] == [sources.LINE_MAX, 11, 2]
