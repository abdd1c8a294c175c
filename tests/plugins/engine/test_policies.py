"""Policy packs over the language host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.engine import Engine, Project

pytestmark = pytest.mark.engine

PACK = """
    import pulumi
    from pulumi_policy import (
        EnforcementLevel, PolicyConfigSchema, PolicyPack, ResourceValidationPolicy, StackValidationPolicy,
    )

    def bounded(args, report):
        most = args.get_config()["most"]
        if args.resource_type == "lab:index:Record" and args.props.get("value", 0) > most:
            report(f"value {args.props['value']:.0f} is above {most:.0f}")

    def few(args, report):
        records = [r for r in args.resources if r.resource_type == "lab:index:Record"]
        if len(records) > 2:
            report(f"{len(records)} records", max(record.urn for record in records))

    def named(args, report):
        if args.resource_type == "lab:index:Record" and pulumi.Config("bench").get("owner") is None:
            report("no owner in " + pulumi.get_stack())

    print("pack of", pulumi.get_stack(), pulumi.get_project(), pulumi.Config("bench").get("greeting"))
    PolicyPack("pack", enforcement_level=EnforcementLevel.MANDATORY, policies=[
        ResourceValidationPolicy(
            name="bounded", description="Values are bounded.", validate=bounded,
            config_schema=PolicyConfigSchema(properties={"most": {"type": "integer", "default": 10}}),
        ),
        StackValidationPolicy(name="few", description="Records are few.", validate=few),
        ResourceValidationPolicy(
            name="named", description="Owners are named.", validate=named,
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
    ])
"""
RECORDS = """
    from tests.support.lab import Record
    for i, value in enumerate(VALUES):
        Record(f"r{i}", value=value)
"""


@pytest.fixture
def project(engine: Engine) -> Project:
    made = engine.project()
    made.policy_pack(PACK)
    made.config("owner", "ada")
    return made


def _records(project: Project, *values: int) -> None:
    project.program(RECORDS.replace("VALUES", str(list(values))))


def test_a_mandatory_violation_stops_before_the_resource_is_made(project: Project) -> None:
    _records(project, 99)
    result = project.up("--policy-pack", "pack").failed("bounded", "value 99 is above 10")
    assert [item["policyName"] for item in result.violations] == ["bounded"]
    assert not [call for call in project.calls() if call.startswith("create")]
    project.preview("--policy-pack", "pack").failed("bounded", "value 99 is above 10")


def test_an_advisory_violation_warns_and_configuration_reaches_the_pack(project: Project) -> None:
    _records(project, 1)
    assert project.up("--policy-pack", "pack").ok().violations == []
    project.run("config", "rm", "owner", "--stack", "dev").ok()
    project.config("greeting", "hello")
    result = project.up("--policy-pack", "pack").ok()
    assert [(item["policyName"], item["enforcementLevel"]) for item in result.violations] == [
        ("named", "advisory")
    ]
    assert "no owner in dev" in result.text


def test_a_pack_reads_the_stack_while_it_starts(project: Project) -> None:
    project.config("greeting", "hello")
    _records(project)
    running = project.preview("--policy-pack", "pack", "-v=5", "--logtostderr").ok()
    assert "pack of dev bench hello" in running.text


def test_a_stack_policy_sees_all_resources(project: Project) -> None:
    _records(project, 1, 2, 3)
    result = project.preview("--policy-pack", "pack").failed("few", "3 records")
    assert result.violations[0]["resourceUrn"].endswith("::r2")


def test_the_configuration_of_a_pack(project: Project) -> None:
    _records(project, 11)
    settings = project.root / "settings.json"
    settings.write_text(json.dumps({"bounded": {"most": 12}}))
    flags = ("--policy-pack", "pack", "--policy-pack-config", str(settings))
    project.preview(*flags).ok()
    settings.write_text(json.dumps({"bounded": {"most": 10, "enforcementLevel": "advisory"}}))
    assert project.preview(*flags).ok().violations[0]["enforcementLevel"] == "advisory"
    settings.write_text(json.dumps({"bounded": {"most": "many"}}))
    project.preview(*flags).failed("most")


def test_the_pack_may_come_from_the_environment(project: Project) -> None:
    _records(project, 99)
    project.preview(PULUMI_OPTION_POLICY_PACK=str(project.root / "pack")).failed("value 99 is above 10")


def test_a_value_unknown_in_the_preview_is_judged_in_the_update(project: Project) -> None:
    project.program("""
        from tests.support.lab import Record
        a = Record("a", value=1)
        Record("b", value=a.uid.apply(len))
    """)
    result = project.preview("--policy-pack", "pack").ok()
    assert "can't run policy 'bounded'" in result.text
    project.up("--policy-pack", "pack").failed("value 36 is above 10")
    assert set(project.resources()) == {"a"}


def test_a_policy_that_raises_fails_the_update(project: Project) -> None:
    _records(project, 1)
    main = project.root / "pack" / "__main__.py"
    main.write_text(main.read_text().replace("if args.resource_type", "if args.nonsense", 1))
    project.preview("--policy-pack", "pack").failed("nonsense")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ValueError('no charter')\n", ["ValueError: no charter", "failed to start"]),
        ("x = 1\n", ["ended without making a PolicyPack"]),
        ("import nowhere_to_be_found\n", ["No module named 'nowhere_to_be_found'"]),
    ],
)
def test_a_pack_that_does_not_start_says_why(project: Project, source: str, words: list[str]) -> None:
    _records(project)
    (project.root / "pack" / "__main__.py").write_text(source)
    project.preview("--policy-pack", "pack").failed(*words)
    assert project.processes() == []


def test_a_missing_pack_is_named(project: Project) -> None:
    _records(project)
    project.preview("--policy-pack", "nowhere").failed(str(Path("nowhere")))


def test_remediation_changes_what_is_made(project: Project) -> None:
    project.policy_pack("""
        from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy
        def halve(args):
            if args.resource_type == "lab:index:Record":
                return {**args.props, "value": args.props["value"] / 2}
        PolicyPack("pack", policies=[ResourceValidationPolicy(
            name="halve", description="Values are halved.", remediate=halve,
            enforcement_level=EnforcementLevel.REMEDIATE,
        )])
    """)
    _records(project, 42)
    project.up("--policy-pack", "pack").ok()
    assert project.resources()["r0"]["outputs"]["value"] == 21
