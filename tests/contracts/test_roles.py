"""What holds for every role of the collection; a new one is enrolled by existing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.plugins import COLLECTION

ROLES = sorted(path for path in (COLLECTION / "roles").iterdir() if path.is_dir())
STEPS = ("preflight", "install", "configure", "validate")
SHARED = {"bastide_artifacts", "bastide_environment", "bastide_hardware"}
"""Variables that all roles may take."""
pytestmark = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def specs(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = load(role / "meta/argument_specs.yml")["argument_specs"]
    return found


def tasks(role: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All tasks of a role, those inside blocks too."""
    for path in sorted((role / "tasks").rglob("*.yml")):
        waiting = list(load(path) or [])
        while waiting:
            task = waiting.pop(0)
            yield path, task
            for part in ("block", "rescue", "always"):
                waiting += task.get(part, [])


def test_it_has_its_four_steps(role: Path) -> None:
    entry = [
        next(iter(task[key] for key in task if "import_tasks" in key))
        for task in load(role / "tasks/main.yml")
    ]
    assert entry == [f"{step}.yml" for step in STEPS]
    assert all((role / "tasks" / f"{step}.yml").is_file() for step in STEPS)


def test_it_says_what_it_is(role: Path) -> None:
    assert len((role / "README.md").read_text(encoding="utf-8").splitlines()) >= 5
    meta = load(role / "meta/main.yml")
    assert meta["galaxy_info"]["description"]
    assert not meta.get("dependencies"), "the playbook wires the roles"


def test_its_variables_are_specified_once(role: Path) -> None:
    own = specs(role)
    options = own["main"]["options"]
    assert all(name.startswith(f"{role.name}_") or name in SHARED for name in options)
    assert all(option.get("description") and option.get("type") for option in options.values())
    assert not [name for name, option in options.items() if "default" in option], (
        "defaults stand in defaults/"
    )
    defaults = set(load(role / "defaults/main.yml") or {})
    assert defaults <= {name for entry in own.values() for name in entry.get("options", {})}
    required = {name for name, option in options.items() if option.get("required")}
    assert not required & defaults
    rest = set(options) - required - SHARED - defaults
    assert all(name.endswith("_version") for name in rest), (
        "only versions have no default: the catalogue has them"
    )


def test_every_entry_point_is_specified(role: Path) -> None:
    """A task file that others may begin with has a specification; the four steps share that of `main`."""
    named = {task["ansible.builtin.include_role"].get("tasks_from") for task in _includes(role.name)}
    assert named - {None, *STEPS} <= set(specs(role))


def _includes(role: str) -> Iterator[dict[str, Any]]:
    for path in (COLLECTION / "playbooks").rglob("*.yml"):
        waiting: list[Any] = [load(path)]
        while waiting:
            each = waiting.pop()
            if isinstance(each, list):
                waiting += each
            elif isinstance(each, dict):
                given = each.get("ansible.builtin.include_role")
                if given and given["name"] == f"bastide.nodes.{role}":
                    yield each
                waiting += each.values()


def test_it_is_checked_before_and_after(role: Path) -> None:
    phases = {
        (path.stem, task["bastide.nodes.validate"]["phase"])
        for path, task in tasks(role)
        if "bastide.nodes.validate" in task
    }
    assert ("preflight", "preflight") in phases
    assert ("validate", "validation") in phases


def test_reading_steps_change_nothing(role: Path) -> None:
    """Preflight and validation use modules that read only."""
    reading = {
        *(
            "bastide.nodes.validate",
            "bastide.nodes.pci_devices",
            "bastide.nodes.evidence",
            "ansible.builtin.set_fact",
        ),
        *("ansible.builtin.command", "ansible.builtin.stat", "ansible.builtin.slurp", "ansible.builtin.find"),
        *(
            "ansible.builtin.assert",
            "ansible.builtin.fail",
            "ansible.builtin.setup",
            "ansible.builtin.getent",
        ),
        *("ansible.builtin.package_facts", "ansible.builtin.service_facts", "ansible.builtin.include_vars"),
        *(
            "ansible.builtin.debug",
            "ansible.builtin.include_tasks",
            "ansible.builtin.import_tasks",
            "ansible.builtin.uri",
        ),
    }
    keywords = {"name", "when", "vars", "register", "loop", "loop_control", "changed_when", "failed_when"}
    keywords |= {
        "check_mode",
        "no_log",
        "block",
        "rescue",
        "always",
        "delegate_to",
        "run_once",
        "become",
        "tags",
    }
    keywords |= {"until", "retries", "delay"}  # asking again changes nothing
    for path, task in tasks(role):
        if path.stem in ("preflight", "validate"):
            assert set(task) - keywords <= reading, f"{path}: {task.get('name')}"
            if "ansible.builtin.command" in task:
                assert task.get("changed_when") is False, f"{path}: {task['name']}"


@pytest.mark.parametrize("kind", ["default", "alternative"])
def test_it_has_its_scenarios(role: Path, kind: str) -> None:
    folder = COLLECTION / "extensions/molecule" / f"{role.name}_{kind}"
    assert (folder / "molecule.yml").is_file()
    assert list(folder.glob("**/test_*.py")), "testinfra looks at what was made"
