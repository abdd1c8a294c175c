"""`bastide usage --metrics`: records and metrics count the same tokens, or the difference is shown."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.outcome import Exit
from tests.cli.inprocess import usage
from tests.cli.usagelog import call, refused, write

METRICS = """# TYPE gen_ai_client_token_usage histogram
gen_ai_client_token_usage_bucket{{gen_ai_request_model="qwen3-32b",gen_ai_token_type="input",le="+Inf"}} 2
gen_ai_client_token_usage_sum{{gen_ai_request_model="qwen3-32b",gen_ai_token_type="input",a="}}\\""}} {input}
gen_ai_client_token_usage_sum{{gen_ai_request_model="qwen3-32b",gen_ai_token_type="cached_input"}} 800
gen_ai_client_token_usage_sum{{gen_ai_request_model="qwen3-32b",gen_ai_token_type="output"}} 1e+03
gen_ai_client_token_usage_sum{{gen_ai_request_model="qwen3-32b",gen_ai_token_type="reasoning"}} 9
"""


@pytest.mark.parametrize(
    ("measured", "tolerance", "code"),
    [(2000, "0", Exit.OK), (2001, "0", Exit.FINDING), (2001, "0.1", Exit.OK), (2100, "4", Exit.FINDING)],
)
def test_records_are_held_against_metrics(
    measured: int, tolerance: str, code: Exit, tmp_path: Path, away: dict[str, str]
) -> None:
    log = write(tmp_path / "log", [call(), call(), refused(429, "limited")])
    metrics = tmp_path / "metrics"
    metrics.write_text(METRICS.format(input=measured))
    done = usage("--from", log, "--metrics", metrics, "--tolerance", tolerance, "--json", env=away)
    assert done.code == code, done.text
    told = {(each["model"], each["kind"]): each for each in done.json["reconciliation"]}
    assert told["qwen3-32b", "input"]["difference"] == 2000 - measured
    assert told["qwen3-32b", "output"]["agrees"]
    assert len(told) == 3


def test_what_only_one_side_has_is_a_difference(tmp_path: Path, away: dict[str, str]) -> None:
    log = write(tmp_path / "log", [call(backend="acme-gateway/openrouter", backend_model="large-1", cost=70)])
    metrics = tmp_path / "metrics"
    metrics.write_text(METRICS.format(input=2000))
    done = usage("--from", log, "--metrics", metrics, env=away)
    assert done.code == Exit.FINDING
    assert done.out.count("differs") == 6


class Prometheus(http.server.BaseHTTPRequestHandler):
    """A proxy's metrics port."""

    def do_GET(self) -> None:
        found = self.path == "/metrics"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(METRICS.format(input=1000).encode() if found else b"")

    def log_message(self, *_: object) -> None:
        """Keeps the tests' output clean."""


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_metrics_of_several_proxies_are_added_up(address: str, tmp_path: Path, away: dict[str, str]) -> None:
    log = write(tmp_path / "log", [call()])
    twice = ["--metrics", f"{address}/metrics"] * 2
    done = usage("--from", log, *twice, "--json", env=away)
    told = {each["kind"]: each["metrics"] for each in done.json["reconciliation"]}
    assert told == {"input": 2000, "cached_input": 1600, "output": 2000}
    gone = usage("--from", log, "--metrics", f"{address}/nowhere", env=away)
    assert gone.code == Exit.UNREACHABLE
    assert "/nowhere" in gone.err
    (tmp_path / "other").write_text("up 1\n")
    other = usage("--from", log, "--metrics", tmp_path / "other", env=away)
    assert other.code == Exit.USAGE
    assert "gen_ai_client_token_usage" in other.err
