"""The engine's verbs over the language host: up, preview, refresh, destroy, import, targets, order."""

from __future__ import annotations

import json

import pytest

from tests.support.engine import Engine

pytestmark = pytest.mark.engine

TWO = """
    import pulumi
    from tests.support.lab import Record
    a = Record("a", value=1)
    b = Record("b", value=a.uid)
    pulumi.export("uid", b.uid)
"""


def test_up_is_idempotent_and_destroy_leaves_nothing(engine: Engine) -> None:
    project = engine.project(TWO)
    assert project.up().ok().ops() == {"a": "create", "b": "create"}
    resources = project.resources()
    assert resources["b"]["inputs"]["value"] == resources["a"]["outputs"]["uid"]
    assert project.outputs() == {"uid": resources["b"]["outputs"]["uid"]}
    assert project.up().ok().changes == {"same": 3}
    assert project.destroy().ok().ops() == {"b": "delete", "a": "delete"}
    assert project.resources() == {}
    assert list((project.lab / "objects").iterdir()) == []


def test_preview_shows_unknown_values_and_changes_nothing(engine: Engine) -> None:
    project = engine.project(TWO)
    shown = project.preview("--json").ok()
    steps = {step["urn"].rsplit("::", 1)[-1]: step for step in json.loads(shown.stdout)["steps"]}
    assert steps["b"]["newState"]["inputs"]["value"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert steps["a"]["newState"]["inputs"]["value"] == 1
    assert not [call for call in project.calls() if call.startswith("create")]
    assert "resources" not in project.state()


def test_an_apply_does_not_run_on_an_unknown_value_in_a_preview(engine: Engine) -> None:
    project = engine.project("""
        from tests.support.lab import Record
        Record("a").uid.apply(lambda uid: print("uid is", len(uid)))
    """)
    assert "uid is" not in project.preview().ok().text
    assert "uid is 36" in project.up().ok().text


def test_refresh_takes_over_drift_and_loss(engine: Engine) -> None:
    project = engine.project(TWO)
    project.up().ok()
    objects = project.lab / "objects"
    changed = json.loads((objects / "a.json").read_text()) | {"value": 7}
    (objects / "a.json").write_text(json.dumps(changed))
    (objects / "b.json").unlink()
    project.refresh().ok()
    resources = project.resources()
    assert resources["a"]["outputs"]["value"] == 7
    assert "b" not in resources
    assert project.up().ok().ops() == {"a": "update", "b": "create"}


def test_import_brings_an_object_under_management(engine: Engine) -> None:
    project = engine.project(TWO)
    (project.lab / "objects").mkdir()
    live = {"key": "found", "value": 3, "uid": "kept"}
    (project.lab / "objects" / "found.json").write_text(json.dumps(live))
    project.import_("lab:index:Record", "found", "found", "--generate-code=false").ok()
    taken = project.resources()["found"]
    assert taken["outputs"] == live
    assert taken["protect"] is True


@pytest.mark.parametrize(("value", "then"), [(3, {"import"}), (4, {"import", "update"})])
def test_import_option_adopts_and_then_updates(engine: Engine, value: int, then: set[str]) -> None:
    project = engine.project(f"""
        import pulumi
        from tests.support.lab import Record
        Record("found", value={value}, opts=pulumi.ResourceOptions(import_="found"))
    """)
    (project.lab / "objects").mkdir()
    (project.lab / "objects" / "found.json").write_text('{"key": "found", "value": 3, "uid": "kept"}')
    assert {step.op for step in project.up().ok().steps if step.name == "found"} == then
    assert project.resources()["found"]["outputs"] == {"key": "found", "value": value, "uid": "kept"}


def test_get_reads_an_object_without_managing_it(engine: Engine) -> None:
    project = engine.project("""
        import pulumi
        from tests.support.lab import Record
        found = Record("found", opts=pulumi.ResourceOptions(id="found"))
        pulumi.export("uid", found.uid)
    """)
    (project.lab / "objects").mkdir()
    (project.lab / "objects" / "found.json").write_text('{"key": "found", "value": 3, "uid": "kept"}')
    project.up().ok()
    assert project.outputs() == {"uid": "kept"}
    project.destroy().ok()
    assert (project.lab / "objects" / "found.json").exists()


def test_target_touches_only_what_is_named(engine: Engine) -> None:
    project = engine.project(TWO)
    project.up().ok()
    project.program(TWO.replace("value=1", "value=2") + "    Record('c')\n")
    urn = project.resources()["a"]["urn"]
    result = project.up("--target", urn).ok()
    assert {name: op for name, op in result.ops().items() if op != "same"} == {"a": "update"}
    assert "c" not in project.resources()


def test_dependencies_order_creation_and_deletion(engine: Engine) -> None:
    project = engine.project("""
        import pulumi
        from tests.support.lab import Record
        last = Record("z")
        for name in "yxw":
            last = Record(name, opts=pulumi.ResourceOptions(depends_on=[last]))
    """)
    project.up().ok()
    assert [line for line in project.calls() if line.startswith("create")] == [
        f"create {name} {when}" for name in "zyxw" for when in ("begin", "end")
    ]
    project.destroy().ok()
    assert [line for line in project.calls() if line.startswith("delete")] == [
        f"delete {name} {when}" for name in "wxyz" for when in ("begin", "end")
    ]


@pytest.mark.parametrize(("parallel", "most"), [("1", 1), ("8", 4)])
def test_parallel_bounds_what_is_under_way(engine: Engine, parallel: str, most: int) -> None:
    project = engine.project("""
        from tests.support.lab import Record
        for i in range(4):
            Record(f"r{i}")
    """)
    holds = [project.lab / f"hold-create-r{i}" for i in range(4)]
    if most > 1:
        for hold in holds:
            hold.touch()
    running = project.start_up("--parallel", parallel)
    if most > 1:
        project.await_calls("create", "begin", 4)
        for hold in holds:
            hold.unlink()
    running.result().ok()
    under_way, peak = 0, 0
    for call in (call for call in project.calls() if call.startswith("create")):
        under_way += 1 if call.endswith("begin") else -1
        peak = max(peak, under_way)
    assert peak == most


def test_a_failed_resource_leaves_the_others_in_state_and_the_next_up_finishes(engine: Engine) -> None:
    project = engine.project(TWO)
    (project.lab / "fail-create-b").write_text("no room for b")
    project.up().failed("no room for b")
    assert set(project.resources()) == {"a"}
    (project.lab / "fail-create-b").unlink()
    assert project.up().ok().ops() == {"a": "same", "b": "create"}
