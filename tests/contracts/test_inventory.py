"""The seam between the foundation and the roles: what the inventory sets is what the roles ask for."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from components.nodes.values.inventory import Inventory, inventory
from components.upstream import catalog
from tests.support.fleet import fleet
from twin.settings import ROOT

ROLES = {
    each["name"]: each["group"]
    for each in yaml.safe_load((ROOT / "ansible/playbooks/vars/roles.yml").read_text())["bastide_roles"]
}
COMMON = {"ansible", "bastide"}
"""Beginnings of variables that are no role's."""


@cache
def site() -> Inventory:
    return inventory(fleet(), catalog.programs(), "/pin.sh")


def options(role: str) -> dict[str, Any]:
    """What the role takes. A role that is not there yet is skipped, and said so."""
    path = ROOT / "ansible" / "roles" / role / "meta" / "argument_specs.yml"
    if not path.is_file():
        pytest.skip(f"role {role} has no {path.name} yet")
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    return loaded


def of_role(role: str, host: str) -> dict[str, Any]:
    return {key: value for key, value in site().variables(host).items() if key.partition("_")[0] == role}


def members(group: str) -> tuple[str, ...]:
    return site().hosts if group == "all" else site().groups[group]


def test_every_variable_has_an_owner() -> None:
    names = {name for host in site().hosts for name in site().variables(host)}
    assert {name.partition("_")[0] for name in names} - COMMON <= set(ROLES)
    assert len(names) > 30


@pytest.mark.parametrize("role", ROLES)
def test_the_inventory_sets_only_what_the_role_takes(role: str) -> None:
    known = set(options(role))
    assert {host: sorted(set(of_role(role, host)) - known) for host in site().hosts} == {
        host: [] for host in site().hosts
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_role_accepts_what_the_inventory_sets(role: str) -> None:
    """Every required option is set, and every value is of its type, on each machine that gets the role."""
    validator = ArgumentSpecValidator(options(role))
    assert members(ROLES[role])
    for host in members(ROLES[role]):
        assert validator.validate(of_role(role, host)).error_messages == [], host


def test_every_pinned_program_has_a_role_and_every_role_its_versions() -> None:
    """A program of one vendor only is left to the operator who has that vendor's machines."""
    entries = catalog.entries("hosts")
    assert all(set(each) == {"source", "version", "licence", "variable"} for each in entries.values())
    assert all(isinstance(each["version"], str) for each in entries.values())
    paths = (ROOT / "ansible" / "roles").glob("*/meta/argument_specs.yml")
    loaded = (yaml.safe_load(path.read_text())["argument_specs"] for path in paths)
    known = {name for specs in loaded for name in specs["main"]["options"] if name.endswith("_version")}
    assert known - set(catalog.programs()) == {"telemetry_exporter_version"}
    assert set(catalog.programs()) <= known


def test_a_wrong_value_would_be_seen() -> None:
    validator = ArgumentSpecValidator(options("base"))
    assert validator.validate({"base_huge_pages": "many"}).error_messages
    assert ArgumentSpecValidator(options("runtime")).validate({}).error_messages
