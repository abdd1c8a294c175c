"""Resource options: each means to the engine what the SDK promises."""

from __future__ import annotations

import pytest

from tests.support.engine import Engine

pytestmark = pytest.mark.engine

HEAD = """
    import pulumi
    from pulumi import ResourceOptions as Opts
    from tests.support.lab import Record
"""


def test_an_alias_renames_without_replacing(engine: Engine) -> None:
    project = engine.project(HEAD + "    Record('old', key='x')\n")
    project.up().ok()
    uid = project.resources()["old"]["outputs"]["uid"]
    project.program(HEAD + "    Record('new', key='x', opts=Opts(aliases=[pulumi.Alias(name='old')]))\n")
    assert project.up().ok().ops() == {"new": "same"}
    assert project.resources()["new"]["outputs"]["uid"] == uid


def test_protect_refuses_deletion(engine: Engine) -> None:
    project = engine.project(HEAD + "    Record('a', opts=Opts(protect=True))\n")
    project.up().ok()
    project.destroy().failed("cannot be deleted", "protect")
    project.program(HEAD)
    project.up().failed("cannot be deleted", "protect")
    assert (project.lab / "objects" / "a.json").exists()


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (
            "replace_on_changes=['value'], delete_before_replace=True",
            {"delete-replaced", "replace", "create-replacement"},
        ),
        ("ignore_changes=['value']", {"same"}),
        ("", {"update"}),
    ],
)
def test_change_of_a_value(engine: Engine, option: str, expected: set[str]) -> None:
    program = HEAD + f"    Record('a', value=VALUE, opts=Opts({option}))\n"
    project = engine.project(program.replace("VALUE", "1"))
    project.up().ok()
    project.program(program.replace("VALUE", "2"))
    assert {step.op for step in project.up().ok().steps if step.name == "a"} == expected


@pytest.mark.parametrize("first", ["create", "delete"])
def test_order_of_a_replacement(engine: Engine, first: str) -> None:
    option = "delete_before_replace=True" if first == "delete" else ""
    program = HEAD + f"    Record('a', key='a-VALUE', opts=Opts({option}))\n"
    project = engine.project(program.replace("VALUE", "1"))
    project.up().ok()
    before = len(project.calls())
    project.program(program.replace("VALUE", "2"))
    project.up().ok()
    verbs = [call.split()[0] for call in project.calls()[before:] if call.endswith("end")]
    assert verbs == [first, "delete" if first == "create" else "create"]


def test_retain_on_delete_keeps_the_object(engine: Engine) -> None:
    project = engine.project(HEAD + "    Record('a', opts=Opts(retain_on_delete=True))\n")
    project.up().ok()
    project.destroy().ok()
    assert project.resources() == {}
    assert (project.lab / "objects" / "a.json").exists()


def test_deleted_with_skips_the_delete_of_what_goes_anyway(engine: Engine) -> None:
    project = engine.project(HEAD + "    a = Record('a')\n    Record('b', opts=Opts(deleted_with=a))\n")
    project.up().ok()
    project.destroy().ok()
    assert [call for call in project.calls() if call.startswith("delete")] == [
        "delete a begin",
        "delete a end",
    ]


def test_components_parent_their_children_and_register_outputs(engine: Engine) -> None:
    project = engine.project(
        HEAD
        + """
    class Pair(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("test:index:Pair", name, None, opts)
            child = Record(f"{name}-1", opts=Opts(parent=self))
            self.register_outputs({"uid": child.uid, "fixed": 5})
    Pair("pair")
    """
    )
    project.up().ok()
    resources = project.resources()
    assert resources["pair-1"]["parent"] == resources["pair"]["urn"]
    assert resources["pair-1"]["urn"].split("::")[2] == "test:index:Pair$lab:index:Record"
    assert resources["pair"]["outputs"] == {"fixed": 5, "uid": resources["pair-1"]["outputs"]["uid"]}


@pytest.mark.parametrize("kind", ["transformations", "transforms"])
def test_transformations_change_inputs(engine: Engine, kind: str) -> None:
    result = "ResourceTransformationResult" if kind == "transformations" else "ResourceTransformResult"
    project = engine.project(
        HEAD
        + f"""
    def double(args):
        return pulumi.{result}(props={{**args.props, "value": args.props["value"] * 2}}, opts=args.opts)
    Record("a", value=21, opts=Opts({kind}=[double]))
    """
    )
    project.up().ok()
    assert project.resources()["a"]["inputs"]["value"] == 42


def test_additional_secret_outputs_are_encrypted(engine: Engine) -> None:
    project = engine.project(
        HEAD + "    Record('a', value='open', opts=Opts(additional_secret_outputs=['value']))\n"
    )
    project.up().ok()
    assert "ciphertext" in project.resources()["a"]["outputs"]["value"]


def test_an_explicit_provider_is_used(engine: Engine) -> None:
    project = engine.project(
        HEAD
        + """
    class Lab(pulumi.ProviderResource):
        def __init__(self, name):
            super().__init__("lab", name, {})
    Record("a", opts=Opts(provider=Lab("mine")))
    """
    )
    project.up().ok()
    assert "::mine::" in project.resources()["a"]["provider"]
