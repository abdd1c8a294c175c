"""The gateway's values and what is derived from them; every rule over the configuration has its bad case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from components.governance.values import limits
from components.governance.values.scope import Scope
from components.model import Gateway, TenantGateway, loading
from components.model.document import read
from components.model.draft import Draft
from components.model.errors import HIDDEN, ConfigProblem, shown
from components.model.gateway_types import Amount, Date, StorePath
from components.model.loading import check_environment, load_environment
from components.model.masking import ENTITIES, Entity, Regex
from components.model.rules import RULES
from components.model.types import person
from components.naming import GATEWAY_PURPOSE, namespace
from tests.support.configs import ENVIRONMENT, GOOD, TODAY, bad_cases

LOADED = load_environment(GOOD, ENVIRONMENT, today=TODAY)
GATEWAY = LOADED.platform.gateway
USE = LOADED.gateways["acme"]
DATE: TypeAdapter[Any] = TypeAdapter(Date)
AMOUNT: TypeAdapter[Any] = TypeAdapter(Amount)


def gateway() -> Gateway:
    assert GATEWAY is not None
    return GATEWAY


def test_every_rule_has_a_bad_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: set[str] = set()

    def noting(rule: Callable[[Draft], Iterator[ConfigProblem]]) -> Any:
        def noted(draft: Draft) -> Iterator[ConfigProblem]:
            for problem in rule(draft):
                broken.add(f"{rule.__module__}.{rule.__name__}")
                yield problem

        return noted

    monkeypatch.setattr(loading, "RULES", tuple(map(noting, RULES)))
    for number, case in enumerate(bad_cases()):
        folder = tmp_path / str(number)
        folder.mkdir()
        case.write(folder)
        check_environment(folder, ENVIRONMENT, today=TODAY)
    assert {f"{rule.__module__}.{rule.__name__}" for rule in RULES} == broken
    assert len(RULES) == len(broken)


@given(st.dates(min_value=date(1000, 1, 1)))
def test_days_as_files_and_as_the_engine_have_them(day: date) -> None:
    assert DATE.validate_python(day.isoformat()) == day
    assert DATE.validate_python(f"{day} 00:00:00 +0000 UTC") == day
    assert DATE.dump_python(day, mode="json") == day.isoformat()


@pytest.mark.parametrize(
    "raw", ["2026-02-30", "2026-1-1", "2026-01-01 10:00:00 +0000 UTC", 20260101, None, ""]
)
def test_what_is_no_day(raw: object) -> None:
    with pytest.raises(ValidationError, match="must be a date"):
        DATE.validate_python(raw)


def test_the_engines_days_load(tmp_path: Path) -> None:
    own = read(GOOD / "Pulumi.site.acme.yaml").data["config"]
    days = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

    def as_given_back(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: as_given_back(each) for key, each in value.items()}
        if isinstance(value, list):
            return [as_given_back(each) for each in value]
        plain = isinstance(value, str) and days.fullmatch(value)
        return f"{value} 00:00:00 +0000 UTC" if plain else value

    values = {key: as_given_back(own[f"bastide:{key}"]) for key in ("tenant", "gateway")}
    assert "UTC" in str(values)
    assert load_environment(GOOD, ENVIRONMENT, ("acme", values), TODAY).gateways["acme"] == USE


@given(st.decimals(min_value=0, max_value=999_999_999, places=6))
def test_amounts_are_exact(amount: Decimal) -> None:
    assert AMOUNT.validate_python(f"{amount:f}") == amount
    as_read = float(amount)
    if Decimal(repr(as_read)) == amount:
        assert AMOUNT.validate_python(as_read) == amount


@pytest.mark.parametrize(
    ("raw", "amount"), [(0.00001, "0.00001"), (1e-06, "0.000001"), (250, "250"), (0.2, "0.2")]
)
def test_small_amounts_as_yaml_has_them(raw: float, amount: str) -> None:
    assert AMOUNT.validate_python(raw) == Decimal(amount)


@pytest.mark.parametrize(
    "raw", [-1, "-1", 1e-07, 1e9, "1e3", float("nan"), float("inf"), True, None, "", "1 EUR"]
)
def test_what_is_no_amount(raw: object) -> None:
    with pytest.raises(ValidationError, match="must be an amount of money"):
        AMOUNT.validate_python(raw)


@pytest.mark.parametrize("path", ["providers/acme/api-key", "a/b", "kv/data/x.y_z-1"])
def test_paths_in_the_store(path: str) -> None:
    assert TypeAdapter[str](StorePath).validate_python(path) == path


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-0123456789abcdef",
        "0123456789abcdef0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        "providers/acme/",
        "/providers/acme",
    ],
)
def test_secrets_are_no_paths(secret: str) -> None:
    with pytest.raises(ValidationError, match="never the secret itself"):
        TypeAdapter[str](StorePath).validate_python(secret)


@pytest.mark.parametrize(
    "path",
    [
        "gateway.providers[2].key",
        "gateway.toolServers[0].key",
        "gateway.keys[3].value",
        "gateway.providers[0].apiKey",
        "gateway.accessTokens[0]",
        "gateway.secretStoreToken",
        "tenant.authToken",
        "tenant.password",
        "tenant.privateKey",
    ],
)
def test_values_that_are_hidden(path: str) -> None:
    assert shown("hunter2", f"config.bastide:{path}") == HIDDEN


@pytest.mark.parametrize(
    "path",
    [
        "gateway.secretStore",
        "gateway.tiers[0].tokensPerDay",
        "gateway.grants[0].caps.tokens",
        "gateway.keys[0].id",
        "gateway.keys[0].owner",
        "gateway.providers[0].id",
        "gateway.identity.jwks",
        "pools[1].keyPair",
        "pools[2].hosts[0].hostKey",
        "priorityClasses[0].value",
    ],
)
def test_values_that_are_shown(path: str) -> None:
    assert shown("plain", f"config.bastide:{path}") == "plain"


@pytest.mark.parametrize(
    "regex",
    [
        "CASE-[0-9]{6}",
        r"(?i)id:\s*\w+",
        "(?:[0-9]{4}-){3}[0-9]{4}",
        r"[(+*]+x",
        r"\(a+\)+",
        "(a|b)c+",
        "(ab)+",
    ],
)
def test_masks_that_are_taken(regex: str) -> None:
    assert TypeAdapter[str](Regex).validate_python(regex) == regex


@pytest.mark.parametrize(
    ("regex", "rule"),
    [
        ("(a+)+b", "take for ever"),
        ("(a|a)*b", "take for ever"),
        ("((a*)b?)+c", "take for ever"),
        ("(?:x{1,9}){2,9}y", "take for ever"),
        ("(a?){25}b", "take for ever"),
        ("a*", "empty text"),
        ("a|", "empty text"),
        ("[a", "regular expression"),
        ("a{99999999999}", "regular expression"),
        ("[[a]b", "regular expression"),
        ("x" * 257, "1 to 256"),
        (5, "1 to 256"),
    ],
)
def test_masks_that_are_refused(regex: object, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        TypeAdapter[str](Regex).validate_python(regex)


def test_entities() -> None:
    assert len(ENTITIES) > 50
    assert all(TypeAdapter[str](Entity).validate_python(each) == each for each in ENTITIES)
    with pytest.raises(ValidationError, match="finds by pattern"):
        TypeAdapter[str](Entity).validate_python("PERSON")


def test_a_person_is_one_by_whatever_address() -> None:
    assert person("Ada+2@Acme.example") == person("ada@acme.example") == "ada@acme.example"
    assert len({person(each) for each in ("ada@acme.example", "ada@globex.example", "bob@acme.example")}) == 3


def test_a_fallback_widens_nothing() -> None:
    [chat, large, risky, embed] = gateway().models
    assert [each.id for each in gateway().chain(large)] == ["large", "chat"]
    assert [each.id for each in gateway().backends(large)] == ["abroad", "halls"]
    assert gateway().allowed(large) == {"internal"}
    assert gateway().allowed(chat) == gateway().allowed(embed) == {"internal", "confidential"}
    back = chat.model_copy(update={"fallback": "large"})
    changed = gateway().model_copy(update={"models": (back, large, risky, embed)})
    assert [each.id for each in changed.chain(back)] == ["chat", "large"]
    assert changed.allowed(back) == {"internal"}


def test_demand() -> None:
    assert [gateway().needs(agent) for agent in ("coding", "unheard-of", None)] == [6_800_000, 0, 0]


def test_limits_are_counted() -> None:
    budgets = 1 + 2 + 1 + 2  # tenant, departments, user, and each department's month with a transfer
    assert USE.limits(2) == 3 * budgets + 3 + 3
    assert TenantGateway(monthly=Decimal(5)).limits(0) == 1


def test_the_model_and_the_policy_agree_on_limits() -> None:
    scope = Scope(tenant="acme", use=USE, gateway=gateway(), namespace="acme-gateway", labels={})
    assert len(limits.rules(scope)) == USE.limits(len(gateway().accounting.steps))


def test_months_that_are_over_are_not_judged(tmp_path: Path) -> None:
    for path in GOOD.iterdir():
        text = (
            path.read_text()
            .replace("amount: 250", "amount: 5000")
            .replace("source: research", "source: closed")
        )
        (tmp_path / path.name).write_text(text)
    assert len(check_environment(tmp_path, ENVIRONMENT, today=TODAY)) == 1
    assert check_environment(tmp_path, ENVIRONMENT, today=date(2026, 12, 1)) == []


def test_the_day_counts() -> None:
    assert check_environment(GOOD, ENVIRONMENT, today=date(2099, 6, 30)) == []
    after_keys = check_environment(GOOD, ENVIRONMENT, today=date(2099, 7, 1))
    assert {problem.path.rpartition(".")[0] for problem in after_keys} == {
        "config.bastide:gateway.keys[0]",
        "config.bastide:gateway.keys[1]",
    }


def test_sensitive_data_stays() -> None:
    assert LOADED.platform.leaving == {"internal"}


def test_the_model_and_naming_agree_on_the_gateways_namespace() -> None:
    for tenant in LOADED.tenants.values():
        assert tenant.gateway_namespace == namespace(tenant.id, GATEWAY_PURPOSE)
