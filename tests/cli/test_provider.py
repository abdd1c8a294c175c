"""`bastide provider`: states change in the stack file, whole and checked, or not at all."""

from __future__ import annotations

import json
import socket
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.outcome import Exit
from cli.provider import evidence, steps
from cli.provider.stackfile import StackFile
from tests.cli.providers import HOST, Site, answering, certificate

TODAY = date.today().isoformat()
ABROAD = "lifecycle: {state: degraded, since: 2026-06-01, owner: serving@site.example}"


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's name leads to this machine, and it may be asked."""
    monkeypatch.delenv("BASTIDE_OFFLINE", raising=False)
    real = socket.getaddrinfo

    def here(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host in (HOST, HOST.encode()) else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def point(site: Site, port: int, **also: str) -> None:
    """Let the provider `abroad` answer on a port."""
    more = "".join(f", {key}: {value}" for key, value in also.items())
    site.edit("endpoint: {host: api.abroad.example}", f"endpoint: {{host: {HOST}, port: {port}{more}}}")


def test_admit_asks_the_provider_and_changes_two_values(site: Site, tmp_path: Path, at_home: None) -> None:
    ca = certificate(tmp_path / "ca.pem", HOST)
    with answering({"/v1/models": 401}, ca) as (port, api):
        point(site, port)
        before = site.text
        done = site.provider("admit", "abroad", "--ca", ca, "--tries", "2", "--yes", "--json")
    assert done.code == Exit.OK, done.text
    assert site.text == before.replace(
        "state: degraded, since: 2026-06-01", f"state: admitted, since: {TODAY}"
    )
    assert api.asked == ["/v1/models"] * 2
    assert api.keys == [None, None], "nobody's key is sent"
    assert done.json["next"] == "bastide up site"
    assert [line[:1] for line in done.json["diff"].splitlines() if "lifecycle" in line] == ["-", "+"]
    assert done.json["health"]["well"] is True
    record = json.loads(Path(done.json["record"]).read_text())
    told = record.pop("digest")
    assert told == evidence.digest(record)
    assert record["before"] != record["after"] == StackFile(site.config, "site").digest
    again = site.provider("admit", "abroad", "--yes", "--json")
    assert (again.code, again.json["done"]) == (Exit.OK, "it is admitted already")


@pytest.mark.parametrize(
    ("status", "said"),
    [({"/v1/models": 503}, "answered 503"), ({}, "answered 404"), ({"/v1/models": 301}, "answered 301")],
)
def test_who_does_not_answer_well_is_not_admitted(
    status: dict[str, int], said: str, site: Site, tmp_path: Path, at_home: None
) -> None:
    ca = certificate(tmp_path / "ca.pem", HOST)
    with answering(status, ca) as (port, _):
        point(site, port)
        before = site.text
        done = site.provider("admit", "abroad", "--ca", ca, "--yes")
    assert done.code == Exit.FINDING
    assert said in done.err
    assert site.text == before
    assert site.records("abroad") == []


@pytest.mark.parametrize("fault", ["stranger", "expired", "other host", "silent", "nobody"])
def test_a_certificate_and_an_answer_are_needed(
    fault: str, site: Site, tmp_path: Path, at_home: None
) -> None:
    days = -1 if fault == "expired" else 1
    own = certificate(tmp_path / "own.pem", "other.example" if fault == "other host" else HOST, days=days)
    ca = certificate(tmp_path / "ca.pem", HOST) if fault == "stranger" else own
    silent = socket.create_server(("127.0.0.1", 0))
    with answering({"/v1/models": 200}, own) as (port, _), silent:
        used = {"silent": silent.getsockname()[1], "nobody": 1}.get(fault, port)
        point(site, used)
        done = site.provider("admit", "abroad", "--ca", ca, "--tries", "1", "--seconds", "0.5", "--yes")
    assert done.code == Exit.FINDING, done.text
    expected = {"silent": "Timeout", "nobody": "ConnectError"}.get(fault, "CERTIFICATE_VERIFY_FAILED")
    assert expected in done.err
    assert ABROAD in site.text


def test_offline_nobody_is_asked_but_a_reason_is_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASTIDE_OFFLINE", "1")
    done = site.provider("admit", "abroad", "--yes")
    assert done.code == Exit.UNREACHABLE
    assert f"https://{HOST}:443/v1/models" in done.err
    told = site.provider("admit", "abroad", "--yes", "--unchecked", "No way out from here", "--json")
    assert told.code == Exit.OK, told.text
    assert json.loads(Path(told.json["record"]).read_text())["unchecked"] == "No way out from here"


def test_a_provider_that_models_wait_for_can_be_admitted(site: Site, at_home: None) -> None:
    """The configuration is refused as long as it is only proposed; admitting mends that."""
    site.edit(ABROAD, ABROAD.replace("degraded", "proposed"))
    done = site.provider("admit", "abroad", "--yes", "--unchecked", "In a test")
    assert done.code == Exit.OK, done.text
    assert "state: admitted" in site.text


def test_what_the_configuration_has_against_it_comes_all_together(site: Site) -> None:
    site.edit("state: degraded", "state: exiting")
    site.edit(
        "{model: large-1, input: 2.50, cachedInput: 1.25, output: 10}",
        "{model: large-2, input: 2, output: 1}",
    )
    site.edit("dataClasses: [internal]\n        key", "dataClasses: [confidential]\n        key")
    before = site.text
    done = site.provider("admit", "abroad", "--yes", "--unchecked", "In a test")
    assert done.code == Exit.CONFIG
    for text in ("lifecycle.state", "Finish its exit", "must have a price", "must not leave the premises"):
        assert text in done.err
    assert site.text == before


def test_degrade_keeps_the_reason(site: Site) -> None:
    done = site.provider("degrade", "halls", "--reason", "Slow since noon", "--yes", "--json")
    assert done.code == Exit.OK, done.text
    assert site.text.count(f"state: degraded, since: {TODAY}") == 1
    assert json.loads(Path(done.json["record"]).read_text())["reason"] == "Slow since noon"
    assert json.loads(Path(done.json["record"]).read_text())["operator"].count("@") == 1


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("degrade", "hals", "--reason", "x", "--yes"), Exit.CONFIG, "`halls`"),
        (("degrade", "halls", "--reason", "x"), Exit.USAGE, "--yes"),
        (("degrade", "halls", "--reason", "x", "--yes", "--env", "sit"), Exit.CONFIG, "`site`"),
        (("exit", "halls", "--finish", "--yes"), Exit.CONFIG, "must be exiting before it is gone"),
        (("rotate",), Exit.USAGE, "one of three"),
        (("rotate", "halls", "--check"), Exit.USAGE, "one of three"),
        (("rotate", "--tenant", "acme"), Exit.USAGE, "one of three"),
        (("rotate", "--keys", "--tenant", "acne"), Exit.USAGE, "`acme`"),
        (("rotate", "--keys", "--tenant", "globex"), Exit.CONFIG, "no virtual keys"),
        (("rotate", "abrod"), Exit.CONFIG, "`abroad`"),
        (("rotate", "halls"), Exit.CONFIG, "has no key"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(args: tuple[str, ...], code: Exit, said: str, site: Site) -> None:
    before = site.text
    done = site.provider(*args)
    assert done.code == code, done.text
    assert said in done.err
    assert site.text == before
    assert not site.evidence.exists()


def test_a_dry_run_shows_and_writes_nothing(site: Site) -> None:
    before = site.text
    done = site.provider("degrade", "halls", "--reason", "x", "--dry-run")
    assert done.code == Exit.OK
    assert f"+        lifecycle: {{state: degraded, since: {TODAY}" in done.out
    assert "nothing was changed" in done.out
    assert site.text == before


def test_exit_is_refused_while_models_need_it(site: Site) -> None:
    done = site.provider("exit", "abroad", "--yes")
    assert done.code == Exit.CONFIG
    assert "config.bastide:gateway.models[1].serving[0].provider" in done.err
    assert "--drain" in done.err
    alone = site.provider("exit", "abroad", "--drain", "--yes")
    assert alone.code == Exit.CONFIG
    assert "nobody else serves the model" in alone.err
    assert "1 problem" in alone.err


def test_drain_takes_it_out_and_shares_its_weight(site: Site) -> None:
    site.edit(
        "          - {provider: abroad, model: large-1, weight: 100}\n",
        """\
          # canary
          - {provider: abroad, model: large-1, weight: 70}   # goes
          - {provider: halls, model: qwen3-32b, weight: 20}  # stays
          - {provider: halls, model: qwen3-next, weight: 10}
""",
    )
    before = site.text
    done = site.provider("exit", "abroad", "--drain", "--yes", "--json")
    assert done.code == Exit.OK, done.text
    expected = (
        before.replace("          - {provider: abroad, model: large-1, weight: 70}   # goes\n", "")
        .replace("weight: 20}  # stays", "weight: 67}  # stays")
        .replace(
            "{provider: halls, model: qwen3-next, weight: 10}\n        fallback",
            "{provider: halls, model: qwen3-next, weight: 33}\n        fallback",
        )
        .replace("state: degraded, since: 2026-06-01", f"state: exiting, since: {TODAY}")
    )
    assert site.text == expected
    assert "--finish" in done.json["next"]
    again = site.provider("exit", "abroad", "--yes", "--json")
    assert (again.code, again.json["done"]) == (Exit.OK, "it exits already")


@pytest.mark.parametrize(
    ("weights", "made"),
    [
        ((90, 10), [90, 10]),
        ((20, 10), [67, 33]),
        ((0, 0, 0), [34, 33, 33]),
        ((1, 1, 1), [34, 33, 33]),
        ((7,), [100]),
    ],
)
def test_weights_keep_their_proportion_and_sum_to_100(weights: tuple[int, ...], made: list[int]) -> None:
    assert steps.shares(weights) == made
    assert sum(made) == 100
