"""The inventory plugin as Ansible runs it: the same machines as the pure function, and errors that mend."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.nodes.ansible import COLLECTION, link
from components.model import FoundationOutputs
from components.nodes.values.inventory import inventory
from components.upstream import catalog
from tests.support.command import ROOT, Done, run
from tests.support.fleet import changed, fleet, write

PIN = COLLECTION / "plugins" / "plugin_utils" / "pinned_host_key.sh"


def ask(source: Path, *options: str, **more: str) -> Done:
    """What `ansible-inventory` says of a source."""
    env = {
        "ANSIBLE_CONFIG": str(COLLECTION / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(link(source.parent / "collections")),
        "ANSIBLE_HOME": str(source.parent / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "1000",
        **more,
    }
    program = Path(sys.executable).with_name("ansible-inventory")
    return run(program, "--inventory", source, *(options or ("--list",)), env=env)


def refused(source: Path, **more: str) -> str:
    done = ask(source, **more)
    assert done.code != 0
    assert "Completely failed to parse inventory source" in done.text
    return " ".join(done.text.split())


def without(key: str, source: Path) -> Path:
    content = yaml.safe_load(source.read_text())
    del content[key]
    source.write_text(yaml.safe_dump(content))
    return source


def test_ansible_sees_what_the_function_made(tmp_path: Path) -> None:
    told = ask(write(fleet(), tmp_path)).json
    pin = tmp_path / "collections/ansible_collections/bastide/nodes/plugins/plugin_utils" / PIN.name
    made = inventory(fleet(), catalog.programs(), str(pin))
    assert {name: tuple(told[name]["hosts"]) for name in made.groups} == dict(made.groups)
    for host in made.hosts:
        assert plain(told["_meta"]["hostvars"][host]) == json.loads(json.dumps(made.variables(host)))


def plain(value: Any) -> Any:
    """Without the marks by which `--list` says that a text is no template."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe", {key: plain(each) for key, each in value.items()})
    return [plain(each) for each in value] if isinstance(value, list) else value


def test_values_are_data_and_never_templates(tmp_path: Path) -> None:
    source = write(changed("settings.administrators.0.name", "ada"), tmp_path)
    outputs = json.loads((tmp_path / "outputs.json").read_text())
    outputs["foundation"]["hosts"][0]["user"] = "{{ lookup('env', 'HOME') }}"
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    told = ask(source, "--host", "gpu-10").json
    assert told["ansible_user"] == "{{ lookup('env', 'HOME') }}"


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (
            changed("hosts.1.address", "10.8.1.10"),
            "address 10.8.1.10 is that of gpu-10 (gpu) and",
        ),
        (fleet().model_copy(update={"hosts": ()}), "site has no real machines. Mend:"),
    ],
    ids=["twice", "none"],
)
def test_what_makes_no_inventory_is_refused(tmp_path: Path, outputs: FoundationOutputs, said: str) -> None:
    assert said in refused(write(outputs, tmp_path))


def test_outputs_of_another_release_are_refused_with_their_path(tmp_path: Path) -> None:
    source = write(fleet(), tmp_path)
    (tmp_path / "outputs.json").write_text('{"foundation": {"environment": "site"}}')
    said = refused(source)
    assert "stack site.foundation" in said
    assert "pools: Field required" in said
    assert "`pulumi up -s site.foundation`" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "file outputs.json could not be read"),
        ("{", "file outputs.json could not be read"),
        ("{}", "file outputs.json has no output `foundation`"),
        ("[]", "file outputs.json has no output `foundation`"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    source = write(fleet(), tmp_path)
    (tmp_path / "outputs.json").unlink()
    if content is not None:
        (tmp_path / "outputs.json").write_text(content)
    assert said in refused(source)


def test_outputs_of_another_environment_are_refused(tmp_path: Path) -> None:
    source = write(fleet(), tmp_path)
    source.write_text(source.read_text().replace("environment: site", "environment: prod"))
    assert "the outputs are those of site, the source says prod" in refused(source)


def engine(folder: Path, script: str) -> str:
    """A PATH whose `pulumi` is a script."""
    program = folder / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_without_a_file_the_engine_is_asked_in_the_project(tmp_path: Path) -> None:
    source = without("outputs", write(fleet(), tmp_path))
    path = engine(tmp_path, f'echo "$PWD $*" > {tmp_path}/asked; cat {tmp_path}/outputs.json')
    assert ask(source, "--host", "one", PATH=path).json["ansible_host"] == "10.8.0.11"
    asked = (tmp_path / "asked").read_text().split()
    assert asked == [
        str(ROOT),
        *["stack", "output", "--json", "--non-interactive", "--stack", "site.foundation"],
    ]


@pytest.mark.parametrize("script", ["echo no stack named so >&2; exit 255", ""], ids=["fails", "absent"])
def test_an_engine_that_does_not_answer_is_told(tmp_path: Path, script: str) -> None:
    source = without("outputs", write(fleet(), tmp_path))
    path = engine(tmp_path, script) if script else "/usr/bin:/bin"
    said = refused(source, PATH=path)
    assert "stack site.foundation could not be read: " in said
    assert ("no stack named so" if script else "No such file or directory: 'pulumi'") in said
    assert "Mend: `pulumi up -s site.foundation`" in said


def test_a_file_of_another_name_is_not_ours(tmp_path: Path) -> None:
    source = write(fleet(), tmp_path).rename(tmp_path / "site.yaml")
    assert ask(source).code != 0


def test_a_python_without_bastide_is_told(tmp_path: Path) -> None:
    source = write(fleet(), tmp_path)
    broken = tmp_path / "broken" / "components"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("")
    said = refused(source, PYTHONPATH=str(broken.parent))
    assert "has no Bastide" in said
    assert "Mend: run .venv/bin/ansible-playbook of the project" in said
