"""The generated schema and reference are fresh, complete, and agree with the model."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel

from components import model
from components.model import outputs
from components.model.document import read
from components.model.loading import FOUNDATION, PLATFORM, check_environment, list_environments
from components.model.schema import REFERENCE, STACKS, files, schema
from tests.support.configs import ENVIRONMENT, GOOD, BadCase, bad_cases

ROOT = Path(__file__).resolve().parents[2]
STACK_FILES = sorted((ROOT / "stacks" / "config").glob("Pulumi.*.*.yaml"))
MODELS = [
    each
    for module in (model, outputs)
    for each in vars(module).values()
    if inspect.isclass(each) and issubclass(each, BaseModel)
]


def layer_of(path: Path) -> str:
    layer = path.name.split(".")[2]
    return layer if layer in {FOUNDATION, PLATFORM} else "tenant"


def problems(path: Path) -> list[str]:
    return [error.message for error in Draft7Validator(schema(layer_of(path))).iter_errors(read(path).data)]


def test_generated_files_are_fresh() -> None:
    for path, text in files().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: generate it again"


@pytest.mark.parametrize("layer", sorted(STACKS))
def test_schemas_are_schemas(layer: str) -> None:
    Draft7Validator.check_schema(schema(layer))


@pytest.mark.parametrize("path", [*STACK_FILES, *sorted(GOOD.iterdir())], ids=lambda path: path.name)
def test_stack_files_hold_to_their_schema(path: Path) -> None:
    assert problems(path) == []


@pytest.mark.parametrize("path", [*STACK_FILES, *sorted(GOOD.iterdir())], ids=lambda path: path.name)
def test_stack_files_name_their_schema(path: Path) -> None:
    head = path.read_text(encoding="utf-8").splitlines()[0]
    named = path.parent / head.removeprefix("# yaml-language-server: $schema=")
    assert named.resolve() == ROOT / REFERENCE / "schema" / f"{layer_of(path)}.json"


@pytest.mark.parametrize("env", list_environments(ROOT / "stacks" / "config"))
def test_the_environments_of_the_checkout_are_valid(env: str) -> None:
    assert check_environment(ROOT / "stacks" / "config", env) == []


SEEN_BY_EDITORS = [
    case for case in bad_cases() if case.name.startswith(("keys-misspelt", "keys-in-", "keys-enum"))
]


@pytest.mark.parametrize("case", SEEN_BY_EDITORS, ids=lambda case: case.name)
def test_editors_see_misspelt_keys_too(case: BadCase, tmp_path: Path) -> None:
    case.write(tmp_path)
    assert problems(tmp_path / f"Pulumi.{ENVIRONMENT}.{case.problems[0]['file']}.yaml")


def test_there_are_cases_for_editors() -> None:
    assert len(SEEN_BY_EDITORS) >= 4


def test_there_are_stack_files() -> None:
    assert len(STACK_FILES) >= 3
    assert len(MODELS) >= 30


@pytest.mark.parametrize("entity", MODELS, ids=lambda entity: entity.__name__)
def test_every_field_says_what_it_means(entity: type[BaseModel]) -> None:
    assert entity.__doc__
    for name, field in entity.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def descriptions(value: Any) -> int:
    return json.dumps(value).count('"description"')


@pytest.mark.parametrize("layer", sorted(STACKS))
def test_descriptions_reach_the_schema(layer: str) -> None:
    made = schema(layer)
    for entity in made["$defs"].values():
        assert all("description" in field for field in entity["properties"].values())
    assert descriptions(made) > 10
