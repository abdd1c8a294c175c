"""Fault 11, as far as engine and language host go: a secret shows nowhere, in no encoding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.engine import Engine, Project, Result, encodings

pytestmark = [pytest.mark.engine, pytest.mark.fault]

SECRET = "tiger/lily+4711&x"
PROGRAM = """
    import pulumi
    from tests.support.lab import Record
    config = pulumi.Config()
    key = config.require_secret("key")
    record = Record("a", value=key)
    pulumi.export("from_config", key)
    pulumi.export("from_output", record.value.apply(lambda value: "is " + value))
    pulumi.export("in_object", {"nested": [key]})
    pulumi.export("plain", 1)
"""


@pytest.fixture
def project(engine: Engine) -> Project:
    made = engine.project(PROGRAM)
    made.config("key", SECRET, "--secret")
    return made


def _assert_hidden(project: Project, *results: Result) -> None:
    texts = {" ".join(result.command): result.text for result in results}
    kept = [*project.backend.rglob("*"), *project.root.glob("events-*.json"), *project.root.glob("*.yaml")]
    files = [path for path in kept if path.is_file()]
    assert any(path.name == "dev.json" for path in files)
    texts |= {str(path): path.read_text(errors="replace") for path in files}
    for form in encodings(SECRET):
        for where, text in texts.items():
            assert form not in text, f"{form!r} shows in {where}"


def test_encodings_find_a_secret_at_every_offset() -> None:
    import base64

    for padding in range(4):
        text = base64.b64encode(b"x" * padding + SECRET.encode() + b"tail").decode()
        assert any(form in text for form in encodings(SECRET))


def test_state_outputs_diff_and_logs_at_the_highest_verbosity(project: Project) -> None:
    loud = ("-v=11", "--logflow")
    results = [project.preview("--diff", *loud).ok(), project.up(*loud).ok()]
    project.program(PROGRAM.replace("value=key", "value=pulumi.Output.concat(key, '!')"))
    results += [project.preview("--diff", *loud).ok(), project.preview("--json").ok(), project.up(*loud).ok()]
    results += [project.refresh(*loud).ok(), project.run("stack", "export").ok(), project.destroy(*loud).ok()]
    _assert_hidden(project, *results)
    logs = list((Path(project.environ["PULUMI_HOME"]) / "logs").glob("organization+bench+dev-*.log"))
    assert len(logs) >= len(results) - 2, "the engine's own logs are where they are expected"
    for log in logs:
        assert log.read_bytes().startswith(b"PLOG"), f"{log} is not encrypted"


def test_logs_to_stderr_show_it_in_the_engines_own_lines_only(project: Project) -> None:
    """With --logtostderr the engine prints every property that crosses its wire: the CLI never passes it."""
    pack = project.policy_pack("""
        from pulumi_policy import PolicyPack, ResourceValidationPolicy
        PolicyPack("pack", policies=[ResourceValidationPolicy(
            name="none", description="None.", validate=lambda args, report: None)])
    """)
    loud = ("-v=11", "--logflow", "--logtostderr", "--policy-pack", str(pack))
    shown = [line for line in project.up(*loud).ok().text.splitlines() if SECRET in line]
    assert shown
    assert not [line for line in shown if not line.startswith('{"time":') or json.loads(line)["v"] < 7]


def test_outputs_are_masked_unless_asked_for(project: Project) -> None:
    project.up().ok()
    hidden = {
        "from_config": "[secret]",
        "from_output": "[secret]",
        "in_object": {"nested": ["[secret]"]},
        "plain": 1,
    }
    assert project.outputs() == hidden
    assert project.outputs("--show-secrets")["from_output"] == "is " + SECRET


def test_a_rotated_secret_shows_neither_old_nor_new(project: Project) -> None:
    project.up().ok()
    project.config("key", "new-" + SECRET, "--secret")
    result = project.preview("--diff").ok()
    assert result.ops()["a"] == "update"
    _assert_hidden(project, result, project.up("--diff").ok())


def test_a_failing_program_and_provider_do_not_show_it(project: Project) -> None:
    project.program(PROGRAM + "    key.apply(lambda value: value.nonsense)\n")
    crash = project.up().failed("AttributeError")
    project.program(PROGRAM)
    (project.lab / "fail-create-a").write_text("refused")
    _assert_hidden(project, crash, project.up().failed("refused"))


def test_a_secret_beyond_the_command_line_of_any_process(project: Project) -> None:
    (project.lab / "hold-create-a").touch()
    running = project.start_up()
    project.await_calls("create", "begin")
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in project.processes()]
    (project.lab / "hold-create-a").unlink()
    running.result().ok()
    assert len(lines) >= 3, lines
    for form in encodings(SECRET):
        assert not [line for line in lines if form in line]
