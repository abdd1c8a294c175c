"""`bastide usage`: exact cost, budgets, cost centers, what is unknown."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cli.outcome import Exit
from cli.usage.accounts import FINE, Book, money
from cli.usage.ledger import Ledger
from components.gateway.values.cost import _weights
from components.model.loading import load_environment
from tests.cli.inprocess import usage
from tests.cli.usagelog import AGENT, BOB, call, refused, write
from tests.support.command import ROOT


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two calls of ada's, one of bob's, one of the agents', all sorts of refusals, and other lines."""
    claude = {"backend": "acme-gateway/anthropic", "backend_model": "claude-large", "model": "claude"}
    lines = [
        "[2026-11-03 10:00:00.000][1][info][main] starting",
        call(),
        call(time="2026-11-04T00:00:00.000Z"),
        call(client=BOB, time="2026-11-04T01:00:00.000Z", cost=89, **claude),
        call(
            client=AGENT,
            host="acme.id.ai.twin.example:8443",
            time="2026-11-04T02:00:00.000Z",
            cost=89,
            **claude,
        ),
        refused(401, "missing_api_key", client=None, model=None),
        refused(404, "direct_response", model="gpt-9"),
        refused(429, "request_rate_limited", refusal="tier"),
    ]
    return write(tmp_path / "proxy.log", lines)


def twin_book() -> Book:
    model = load_environment(ROOT / "stacks" / "config", "twin")
    assert model.platform.gateway
    return Book(model, model.platform.gateway)


def groups(report: Any) -> dict[str, Any]:
    return {row["group"]: row for row in report["rows"]}


def test_cost_is_exact_and_every_call_is_there(log: Path, away: dict[str, str]) -> None:
    done = usage("--from", log, "--by", "user", "--json", env=away)
    assert done.code == Exit.OK, done.text
    rows = groups(done.json)
    # 2 x (600 x 0.20 + 400 x 0.05 + 500 x 0.60) and 2 x (600 x 3 + 400 x 0.30 + 500 x 15), in millionths
    assert rows["acme/ada"]["cost"] == "0.00088"
    assert rows["acme/bob"]["cost"] == "0.00942"
    assert rows["-"]["cost"] == "0.00942"
    assert (rows["acme/ada"]["requests"], rows["acme/ada"]["refused"]) == (4, 2)
    assert rows["-"]["requests"] == 2, "the agents' call, and the one without a client"
    total = done.json["total"]
    assert (total["requests"], total["refused"], total["cost"]) == (7, 3, "0.01972")
    assert (total["input_tokens"], total["cached_input_tokens"], total["output_tokens"]) == (4000, 1600, 2000)
    assert done.json["refusals"] == {"missing_api_key": 1, "direct_response": 1, "tier": 1}
    assert (done.json["read"]["records"], done.json["read"]["foreign"]) == (7, 1)
    assert done.json["differing"] == 2, "the gateway counted 89 units where 94.2 are 95"


@pytest.mark.parametrize(
    ("by", "cost"),
    [
        ("tag:project", {"compiler": "0.00088", "helpdesk": "0.00942", "-": "0.00942"}),
        ("tenant", {"acme": "0.01972"}),
        ("department", {"acme/research": "0.00088", "acme/support": "0.01884", "-": "0"}),
        ("provider", {"halls": "0.00088", "anthropic": "0.01884", "-": "0"}),
        ("cost-center", {"cc-1002": "0.00088", "cc-1003": "0.01884", "cc-1001": "0"}),
    ],
)
def test_cost_is_shown_by(by: str, cost: dict[str, str], log: Path, away: dict[str, str]) -> None:
    done = usage("--from", log, "--by", by, "--json", env=away)
    assert {name: row["cost"] for name, row in groups(done.json).items()} == cost


def test_csv_is_what_json_is(log: Path, away: dict[str, str]) -> None:
    rows = list(csv.DictReader(io.StringIO(usage("--from", log, "--by", "key", "--csv", env=away).out)))
    told = usage("--from", log, "--by", "key", "--json", env=away).json
    assert [row["group"] for row in rows] == [*groups(told), "total"]
    assert sum(Decimal(row["cost"]) for row in rows[:-1]) == Decimal(told["total"]["cost"]) > 0
    assert {row["currency"] for row in rows} == {"EUR"}


def test_budgets_have_their_transfers_and_say_how_much_is_used(tmp_path: Path, away: dict[str, str]) -> None:
    log = write(tmp_path / "log", [call(cost=1_600_000), call(cost=500_000, client=BOB)])
    done = usage("--from", log, "--json", "--tenant", "acme", env=away)
    held = {(each["level"], each["holder"]): each for each in done.json["budgets"]}
    assert len(held) == 4
    ada, research = held["user", "acme/ada"], held["department", "acme/research"]
    assert (ada["counted"], ada["percent"], ada["state"]) == ("160", "80", "at 80 %")
    assert (research["transferred"], research["percent"]) == ("-250", "5.82"), "160 of 3000 - 250"
    assert held["department", "acme/support"]["transferred"] == "250"
    assert held["tenant", "acme"]["counted"] == "210"
    cut = write(tmp_path / "cut", [call(cost=2_000_000)])
    budgets = usage("--from", cut, "--json", env=away).json["budgets"]
    assert [each["holder"] for each in budgets if each["state"] == "cut off"] == ["acme/ada"]
    before = write(tmp_path / "before", [call(time="2026-10-03T10:00:00.000Z")])
    october = usage("--from", before, "--json", env=away).json["budgets"]
    assert {each["transferred"] for each in october} == {"0"}, "the transfer is of November"


def test_a_month_has_its_own_sums_and_a_baseline_of_earlier_days(
    tmp_path: Path, away: dict[str, str]
) -> None:
    earlier = [call(time=f"2026-10-{day:02}T10:00:00.000Z") for day in (1, 1, 2, 3)]
    log = write(tmp_path / "log", [*earlier, call(), call(time="2026-11-05T10:00:00.000Z")])
    now = usage("--from", log, "--json", env=away).json
    assert (now["month"], now["months"], now["total"]["requests"]) == ("2026-11", ["2026-10", "2026-11"], 2)
    assert (now["total"]["cost_per_day"], now["total"]["baseline_per_day"]) == ("0.00044", "0.000587")
    then = usage("--from", log, "--month", "2026-10", "--json", env=away).json
    assert (then["total"]["requests"], then["total"]["baseline_per_day"]) == (4, None)
    none = usage("--from", log, "--month", "2025-01", "--json", env=away)
    assert (none.code, none.json["rows"], none.json["total"]["requests"]) == (Exit.OK, [], 0)


def test_what_is_unknown_is_listed_and_counted(tmp_path: Path, away: dict[str, str]) -> None:
    former = "office.support.0000000000.1111111111"
    lines = [
        call(client=former),
        call(backend_model="qwen9"),
        call(host="initech.keys.ai.twin.example"),
        refused(404, "route_not_found", model="gpt-9", client="x"),
    ]
    done = usage("--from", write(tmp_path / "log", lines), "--json", env=away)
    assert done.code == Exit.FINDING
    unknown = done.json["unknown"]
    assert unknown["clients"][f"acme: {former}"] == 1500
    assert unknown["prices"] == {"halls: qwen9": 1500}
    assert unknown["tenants"] == {"initech.keys.ai.twin.example": 1}
    assert unknown["models"] == {"gpt-9": 1}
    rows = groups(done.json)
    assert rows["acme/support"]["cost"] == "0.00044", "a former key's calls stay its department's"
    assert done.json["total"]["requests"] == 4
    shown = usage("--from", tmp_path / "log", env=away)
    assert shown.code == Exit.FINDING
    for text in (former, "halls: qwen9", "initech.keys.ai.twin.example", "gpt-9"):
        assert text in shown.out


def test_a_call_belongs_to_the_tenant_whose_route_it_took(tmp_path: Path, away: dict[str, str]) -> None:
    """Tools have one host for all tenants."""
    lines = [
        refused(200, "via_upstream", host="mcp.ai.twin.example", route="httproute/acme-gateway/tools/rule/0"),
        refused(401, "missing_api_key", host="mcp.ai.twin.example", route=None),
    ]
    done = usage("--from", write(tmp_path / "log", lines), "--by", "tenant", "--json", env=away)
    assert {name: row["requests"] for name, row in groups(done.json).items()} == {"acme": 1, "(unknown)": 1}


def test_broken_records_are_named_by_file_and_line(tmp_path: Path, away: dict[str, str]) -> None:
    log = write(tmp_path / "log", [call(), call()[:-30], call(output_tokens=-3)])
    done = usage("--from", log, env=away)
    assert done.code == Exit.FINDING
    assert "2 broken records" in done.out
    assert f"{log}:2: no JSON" in done.out
    assert f"{log}:3: output_tokens: -3" in done.out


def test_many_made_up_names_take_no_room(tmp_path: Path, away: dict[str, str]) -> None:
    lines = (refused(404, "direct_response", model=f"m{i}", host=f"h{i}.example") for i in range(5000))
    done = usage("--from", write(tmp_path / "log", lines), "--json", env=away)
    assert done.code == Exit.OK, "nothing of it cost anything"
    assert done.json["total"]["requests"] == 5000
    assert len(done.json["unknown"]["tenants"]) == len(done.json["unknown"]["models"]) == 1001
    assert sum(done.json["unknown"]["tenants"].values()) == 5000


def test_memory_does_not_grow_with_the_number_of_records() -> None:
    book = twin_book()
    peaks = []
    for count in (2_000, 40_000):
        lines = (call(request=f"{i:036}", output_tokens=i % 999).encode() for i in range(count))
        ledger = Ledger(book)
        tracemalloc.start()
        ledger.take_lines("made", lines)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (ledger.records, len(ledger.sums)) == (count, 1)
    assert peaks[1] < 1.5 * peaks[0] < 1_000_000, peaks


def test_folders_archives_and_standard_input_are_read_once(tmp_path: Path, away: dict[str, str]) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    plain = write(folder / "a.log", [call()])
    (folder / "b.log.gz").write_bytes(gzip.compress(f"{call()}\n".encode()))
    (tmp_path / "link").symlink_to(plain)
    done = usage(
        "--from", folder, "--from", plain, "--from", tmp_path / "link", "--from", "-", "--json", env=away
    )
    assert done.json["total"]["requests"] == 2
    assert len(done.json["read"]["sources"]) == 3, "standard input is empty"
    assert usage("--from", "/dev/null", "--json", env=away).json["read"]["lines"] == 0
    (folder / "c.log.gz").write_bytes(gzip.compress(f"{call()}\n".encode())[:-9])
    cut = usage("--from", folder, env=away)
    assert cut.code == Exit.FAILED
    assert "c.log.gz" in cut.err


def test_wrong_arguments_are_told_all_together(away: dict[str, str]) -> None:
    done = usage("--from", "-", "--month", "november", "--by", "departement", "--tolerance", "nan", env=away)
    assert done.code == Exit.USAGE
    assert "2026-11" in done.err
    assert "`department`" in done.err
    assert "--tolerance" in done.err
    missing = usage("--from", "no.log", "--from", "nor.log", env=away)
    assert missing.code == Exit.USAGE
    assert "no.log, nor.log" in missing.err


def test_without_a_running_environment_it_says_so(away: dict[str, str]) -> None:
    done = usage(env=away)
    assert done.code == Exit.UNREACHABLE
    assert "bastide up twin" in done.err


def test_cost_is_that_of_the_gateways_own_expression() -> None:
    """Both are written by hand from the same prices: one in integers, one in CEL."""
    book = twin_book()
    assert len(book.rates) >= 5
    for provider in book.gateway.providers:
        for price in provider.prices:
            weights = _weights(price, Fraction(book.gateway.accounting.unit))
            rate = book.rates[provider.id, price.model]
            for tokens in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (7, 123_456_789, 98_765)):
                exact = sum(weight * count for weight, count in zip(weights, tokens, strict=True))
                assert Fraction(rate.cost(*tokens), book.unit) == exact
    assert money(FINE * 10**20 + 1) == Decimal("100000000000000000000.000000000001")
