"""Models, outputs, loading with the engine's values, and the rendering of problems."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from cli.check import render, to_json
from components.model import (
    Accelerator,
    Bytes,
    Capacity,
    Cpu,
    FoundationOutputs,
    OutputsError,
    PoolOutputs,
    Select,
    matches,
    sharding,
)
from components.model.errors import ConfigError, ConfigProblem
from components.model.loading import check_environment, list_environments, load_environment
from tests.support.configs import ENVIRONMENT, GOOD

BIG = load_environment(GOOD, ENVIRONMENT).foundation.accelerators[0]
TENANT: dict[str, Any] = yaml.safe_load((GOOD / "Pulumi.site.acme.yaml").read_text())["config"][
    "bastide:tenant"
]


@pytest.mark.parametrize(
    ("wanted", "unwanted"),
    [
        ({"kind": "gpu"}, {"kind": "npu"}),
        ({"vendor": "nvidia"}, {"vendor": "amd"}),
        ({"family": "hopper"}, {"family": "cdna"}),
        ({"isa": "cuda"}, {"isa": "rocm"}),
        ({"interconnect": "link"}, {"interconnect": "other"}),
        ({"family": "hopper", "min_generation": 2}, {"family": "hopper", "min_generation": 3}),
        ({"min_memory": "80Gi"}, {"min_memory": "81Gi"}),
        ({"min_fp16_tflops": 900}, {"min_fp16_tflops": 901}),
        ({"max_watts": 700}, {"max_watts": 699}),
        ({"frameworks": ("pytorch",)}, {"frameworks": ("pytorch", "jax")}),
    ],
)
def test_select_by_each_capability(wanted: dict[str, Any], unwanted: dict[str, Any]) -> None:
    assert matches(Select(**wanted), BIG)
    assert not matches(Select(**unwanted), BIG)
    assert not matches(Select(**{"kind": "gpu"} | unwanted), BIG)


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        BIG.watts = 1  # type: ignore[misc]
    assert isinstance(BIG.frameworks, tuple)
    assert Accelerator.model_validate(BIG.model_dump()) == BIG


def outputs() -> FoundationOutputs:
    pool = PoolOutputs(id="p", kind="simulated", role="system", zone="a", count=2)
    capacity = Capacity(cpu=Cpu("64"), memory=Bytes("2Ti"), pods=220, devices={"gpu": 8})
    return FoundationOutputs(
        environment="site",
        kind="twin",
        zones=("a",),
        pools=(pool,),
        device_classes=("gpu",),
        nodes=2,
        accelerators={"big": 8},
        capacity=capacity,
    )


def test_outputs_survive_the_state() -> None:
    plain = json.loads(json.dumps(outputs().dump()))
    assert plain["capacity"] == {"cpu": "64", "memory": "2Ti", "pods": 220, "devices": {"gpu": 8}}
    assert list(plain)[:3] == ["environment", "kind", "zones"]
    assert FoundationOutputs.parse(plain) == outputs()
    assert FoundationOutputs.parse({**plain, "later": 1}) == outputs()


@pytest.mark.parametrize("raw", [{}, None, [], {"environment": 5}])
def test_outputs_of_another_release_are_refused(raw: object) -> None:
    with pytest.raises(OutputsError, match=r"stack site\.foundation.*pulumi up -s site\.foundation"):
        FoundationOutputs.parse(raw, "site.foundation")


def test_load() -> None:
    loaded = load_environment(GOOD, ENVIRONMENT)
    assert loaded.name == ENVIRONMENT
    assert loaded.context == "site"
    assert sorted(loaded.tenants) == ["acme", "globex"]
    assert sorted(loaded.files) == ["acme", "foundation", "globex", "platform"]
    assert [pool.count for pool in loaded.foundation.pools] == [1, 2, 2, 1]
    assert list_environments(GOOD) == [ENVIRONMENT]


def test_the_engines_values_replace_those_of_the_file() -> None:
    loaded = load_environment(GOOD, ENVIRONMENT, ("acme", {"tenant": {**TENANT, "name": "From the engine"}}))
    assert loaded.tenants["acme"].name == "From the engine"
    assert loaded.tenants["globex"].name == "Tenant globex"


def test_a_problem_of_the_engines_values_has_the_files_line() -> None:
    override = ("acme", {"tenant": {**TENANT, "level": "user"}})
    [problem] = check_environment(GOOD, ENVIRONMENT, override)
    assert problem.path == "config.bastide:tenant.level"
    assert "level:" in Path(problem.file).read_text().splitlines()[problem.line - 1]


def test_unknown_keys_of_the_file_are_refused_beside_the_engines_values(tmp_path: Path) -> None:
    for path in GOOD.iterdir():
        text = path.read_text().replace("  bastide:tenant:", "  bastide:tenants: 1\n  bastide:tenant:")
        (tmp_path / path.name).write_text(text)
    [problem] = [
        each
        for each in check_environment(tmp_path, ENVIRONMENT, ("acme", {"tenant": TENANT}))
        if "acme" in Path(each.file).name
    ]
    assert problem.path == "config.bastide:tenants"


def test_a_stack_without_a_file_is_checked_by_the_engines_values() -> None:
    other = json.loads(json.dumps(TENANT).replace("acme", "third")) | {"level": "user"}
    [problem] = check_environment(GOOD, ENVIRONMENT, ("third", {"tenant": other}))
    assert (problem.file, problem.line) == ("(stack third)", 0)


def test_an_unknown_environment_names_the_known() -> None:
    with pytest.raises(ConfigError, match=r"(?s)1 problem in .*must have files.*mean `site`") as refused:
        load_environment(GOOD, "sit")
    assert str(refused.value).count("\n") == 1


def problem(file: str, line: int) -> ConfigProblem:
    return ConfigProblem(
        file=file, line=line, path="config.x", value="v", rule="must be w", mend="Write `w`."
    )


def test_problems_are_listed_by_file_and_line() -> None:
    text = render([problem("b", 2), problem("a", 3), problem("a", 1)])
    assert text.splitlines() == [
        "a",
        "  line 1  config.x",
        "    v: must be w",
        "    Write `w`.",
        "  line 3  config.x",
        "    v: must be w",
        "    Write `w`.",
        "",
        "b",
        "  line 2  config.x",
        "    v: must be w",
        "    Write `w`.",
        "",
        "3 problems in 2 files. Nothing was changed.",
    ]
    assert "\x1b[" in render([problem("a", 1)], color=True)


def test_problems_as_json() -> None:
    listed = to_json([problem("a", 1)])
    assert listed["valid"] is False
    assert listed["problems"] == [
        {"file": "a", "line": 1, "path": "config.x", "value": "v", "rule": "must be w", "mend": "Write `w`."}
    ]
    assert to_json([]) == {"valid": True, "problems": []}


LATER = date(2100, 1, 1)
"""A day on which whatever the good environment grants has run out."""


def test_what_has_run_out_is_told_with_everything_else() -> None:
    problems = check_environment(GOOD, ENVIRONMENT, today=LATER)
    assert problems
    assert all(problem.lapsed and "Pulumi.site.acme" in problem.file for problem in problems)
    with pytest.raises(ConfigError, match="must not be over"):
        load_environment(GOOD, ENVIRONMENT, today=LATER)


def test_what_has_run_out_stops_its_own_stack_only() -> None:
    with pytest.raises(ConfigError, match="must not be over"):
        load_environment(GOOD, ENVIRONMENT, today=LATER, dates=["acme"])
    for dates in ((), ("platform",), ("globex",)):
        assert load_environment(GOOD, ENVIRONMENT, today=LATER, dates=dates).tenants


def test_a_gateway_takes_so_many_places_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_environment(GOOD, ENVIRONMENT)
    assert model.platform.gateway
    count = sharding.places(model.platform.gateway, model.gateways["acme"])
    assert count > 2
    monkeypatch.setattr(sharding, "PLACES_MAX", count)
    assert check_environment(GOOD, ENVIRONMENT) == []
    monkeypatch.setattr(sharding, "PLACES_MAX", count - 1)
    [problem] = check_environment(GOOD, ENVIRONMENT)
    assert f"name {count} places" in problem.rule
