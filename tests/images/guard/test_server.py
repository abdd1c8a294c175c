"""The guard as a process, asked over a socket in Envoy's protocol."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.images.guard.samples import CLIENT, HOST, POLICY, chat, text
from twin.settings import ROOT

PERSONAL = "mail zoe@example.com, ünï"
LOGGED = {**POLICY["grants"]["chat"], "logPrompts": True}


@dataclass
class Running:
    """A guard, its folder of policies and where it answers."""

    process: subprocess.Popen[bytes]
    folder: Path
    grpc_port: int
    http_port: int

    def ask(self, body: bytes | None, **headers: str) -> list[Any]:
        """The answers on one stream: to the headers, and to the body unless there is none."""
        sent = {
            ":method": "POST",
            ":path": "/v1/chat/completions",
            ":authority": f"{HOST}:443",
            "x-bastide-client": CLIENT,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        first = pb.ProcessingRequest()
        first.request_headers.end_of_stream = body is None
        for name, value in sent.items():
            first.request_headers.headers.headers.add(key=name, raw_value=value.encode())
        second = pb.ProcessingRequest(request_body={"body": body or b"", "end_of_stream": True})
        return self.stream([first] if body is None else [first, second])

    def put(self, tenant: str, **changes: Any) -> str:
        """Add a tenant, or change its policy; its host name."""
        host = f"{tenant}.keys.ai.test"
        (self.folder / f"{tenant}.json").write_text(text(tenant=tenant, hosts=[host], **changes))
        return host

    def stream(self, messages: list[Any]) -> list[Any]:
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            stub = external_processor_pb2_grpc.ExternalProcessorStub(channel)
            return list(stub.Process(iter(messages), timeout=20))

    def http(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def health(self) -> int:
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


PORTS = re.compile(r"gRPC on port (\d+), metrics on port (\d+)")


@contextmanager
def serving(folder: Path, *source: str) -> Iterator[Running]:
    """A guard that has told its ports; stopped afterwards, and well to the end."""
    line = [sys.executable, "-m", "bastide_guard", "--workers", "1", *source]
    line += ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "images" / "guard")}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(line, stdout=out, stderr=err, env=environment)
        try:
            until(lambda: PORTS.search((folder / "err").read_text()) is not None)
            found = PORTS.search((folder / "err").read_text())
            assert found is not None
            yield Running(process, folder, int(found[1]), int(found[2]))
        finally:
            process.terminate()
            assert process.wait(20) == 0, (folder / "err").read_text()


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("guard")
    (folder / "acme.json").write_text(text())
    with serving(folder, "--policies", str(folder)) as running:
        until(lambda: running.http("/healthz")[0] == 200)
        yield running


def headers_of(mutation: Any) -> dict[str, str]:
    return {each.header.key: each.header.raw_value.decode() for each in mutation.set_headers}


def refusal(answer: Any) -> tuple[int, str]:
    assert answer.HasField("immediate_response"), answer
    return answer.immediate_response.status.code, json.loads(answer.immediate_response.body)["error"]["code"]


def refused(answers: list[Any]) -> tuple[int, str] | None:
    """What a call was refused with."""
    return refusal(answers[-1]) if answers[-1].HasField("immediate_response") else None


def test_a_call_from_its_headers_to_its_masked_body(guard: Running) -> None:
    first, second = guard.ask(chat(PERSONAL))
    assert first.HasField("request_headers")
    assert not first.request_headers.response.ByteSize()
    given = second.request_body.response
    assert json.loads(given.body_mutation.body)["messages"][0]["content"] == "mail <EMAIL_ADDRESS_1>, ünï"
    set_headers = headers_of(given.header_mutation)
    assert set_headers["x-bastide-decision"] == "allow;class=internal;masked=1"
    assert len(set_headers["x-bastide-fingerprint"]) == 16
    assert set_headers["content-length"] == str(len(given.body_mutation.body))

    unchanged = guard.ask(chat(PERSONAL, "local"))[1].request_body.response
    assert not unchanged.HasField("body_mutation")
    assert set(headers_of(unchanged.header_mutation)) == {"x-bastide-decision", "x-bastide-fingerprint"}

    assert refusal(guard.ask(chat(PERSONAL, "other"))[1]) == (403, "model_not_granted")
    assert refusal(guard.ask(None)[0]) == (400, "malformed_request")
    early = guard.ask(chat(PERSONAL), **{":authority": "evil.test"})
    assert refusal(early[0]) == (403, "unknown_tenant")
    assert len(early) == 1
    assert refusal(guard.ask(chat(PERSONAL), x_bastide_client="nobody.x")[0]) == (403, "unknown_client")
    listing = guard.ask(None, **{":method": "GET", ":path": "/v1/models"})
    assert "x-bastide-decision" in headers_of(listing[0].request_headers.response.header_mutation)

    told = guard.ask(chat(PERSONAL, "other"), **{":path": "/anthropic/v1/messages"})[1].immediate_response
    assert json.loads(told.body)["type"] == "error"
    assert headers_of(told.headers)["x-bastide-decision"] == "refuse;code=model_not_granted"
    assert told.details == "guard:model_not_granted"

    metrics = guard.http("/metrics")[1]
    assert 'bastide_guard_calls_total{tenant="acme",verdict="model_not_granted"} 2.0' in metrics
    assert 'bastide_guard_masked_values_total{entity="EMAIL_ADDRESS",tenant="acme"} 1.0' in metrics
    assert guard.health() == health_pb2.HealthCheckResponse.SERVING


def test_what_goes_wrong_is_refused(guard: Running) -> None:
    body_first = pb.ProcessingRequest(request_body={"body": chat(PERSONAL)})
    assert refusal(guard.stream([body_first])[0]) == (503, "guard_unavailable")
    unbuffered = pb.ProcessingRequest(request_headers={"end_of_stream": False}).SerializeToString()
    unbuffered += b"\x5a\x02\x08\x01"  # protocol_config { request_body_mode: STREAMED }
    assert refusal(guard.stream([pb.ProcessingRequest.FromString(unbuffered)])[0]) == (
        503,
        "guard_unavailable",
    )

    slow = {"entities": [], "patterns": [{"name": "slow", "regex": "(?:a|aa)+$"}]}
    host = {":authority": guard.put("slow", masking=slow)}
    until(lambda: refused(guard.ask(chat("a" * 60 + "!"), **host)) == (503, "guard_unavailable"), 10)
    assert guard.ask(chat("b"), **host)[1].HasField("request_body")


def test_a_worker_that_dies_costs_no_more_than_its_call(guard: Running) -> None:
    assert guard.ask(chat(PERSONAL))[1].HasField("request_body")
    workers = [pid for pid in descendants(guard.process.pid) if b"forkserver" in command(pid)]
    os.kill(max(workers), signal.SIGKILL)
    until(lambda: guard.ask(chat(PERSONAL))[1].HasField("request_body"))


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, children) for each in (child, *descendants(child))]


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_change_is_in_force_within_a_second(guard: Running) -> None:
    host = {":authority": guard.put("zeta")}
    until(lambda: refused(guard.ask(chat(PERSONAL), **host)) is None, 1)
    guard.put("zeta", workloads={}, grants={"other": LOGGED})
    until(lambda: refused(guard.ask(chat(PERSONAL), **host)) == (403, "unknown_client"), 1)
    (guard.folder / "zeta.json").unlink()
    until(lambda: refused(guard.ask(chat(PERSONAL), **host)) == (403, "unknown_tenant"), 1)


def test_no_word_of_a_prompt_is_told(guard: Running) -> None:
    """In logs, errors and metrics; where prompts are logged, they are masked."""
    for body, task in ((chat(PERSONAL), "zoe"), (chat(PERSONAL, "zoe"), ""), (chat(PERSONAL)[:-1], "")):
        answer = guard.ask(body, x_bastide_task=task)[-1]
        assert answer.HasField("immediate_response")
        assert b"zoe" not in answer.SerializeToString()
    host = {":authority": guard.put("eta", workloads={}, grants={"chat": LOGGED})}
    until(lambda: refused(guard.ask(chat(PERSONAL), **host)) is None)
    told = [(guard.folder / name).read_text() for name in ("out", "err")] + [guard.http("/metrics")[1]]
    assert "mail <EMAIL_ADDRESS_1>" in told[0]
    assert not [text for text in told if "zoe" in text]


def test_without_policies_it_is_not_well_and_refuses(tmp_path: Path) -> None:
    with serving(tmp_path, "--kubernetes", "--kubeconfig", str(tmp_path / "none")) as running:
        assert running.http("/healthz")[0] == 503
        assert running.http("/other")[0] == 404
        assert refusal(running.ask(chat(PERSONAL))[0]) == (403, "unknown_tenant")
        assert running.health() == health_pb2.HealthCheckResponse.NOT_SERVING
