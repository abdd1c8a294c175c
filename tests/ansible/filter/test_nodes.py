"""Labels and taints of a node: what is ours follows the inventory, what is not stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.ansible.running import run_tasks
from tests.support.plugins import load

nodes = load("plugins/filter/nodes.py")
READY: dict[str, str] = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def node(
    labels: dict[str, str], own: tuple[str, ...], taints: tuple[dict[str, str], ...] = (), noted: str = ""
) -> dict[str, Any]:
    """A node with these labels, of which `own` were applied by us."""
    fields = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in own}}}
    managed = [
        {"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {".": {}}}}},
        {"manager": "bastide", "operation": "Apply", "fieldsV1": fields},
    ]
    metadata = {"name": "n", "labels": labels, "managedFields": managed[: 2 if own or noted else 1]}
    if noted:
        metadata["annotations"] = {"bastide.dev/taints": noted}
    return {"metadata": metadata, "spec": {"taints": list(taints)} if taints else {}}


def test_a_new_node_gets_all_that_is_wanted() -> None:
    found = nodes.node_changes(node({"os": "linux"}, ()), {"pool": "a"}, ["only=a:NoSchedule"])
    assert found["taint"] == ["only=a:NoSchedule"]
    assert found["untaint"] == []
    assert found["apply"]["metadata"] == {
        "name": "n",
        "labels": {"pool": "a"},
        "annotations": {"bastide.dev/taints": "only=a:NoSchedule"},
    }


def test_a_node_that_is_as_wanted_is_left_alone() -> None:
    has = node(
        {"os": "linux", "pool": "a"},
        ("pool",),
        (
            READY,
            {"key": "only", "value": "a", "effect": "NoSchedule"},
            {"key": "bare", "effect": "NoExecute"},
        ),
        "only=a:NoSchedule,bare:NoExecute",
    )
    found = nodes.node_changes(has, {"pool": "a"}, ["only=a:NoSchedule", "bare:NoExecute"])
    assert found == {"taint": [], "untaint": [], "apply": {}}


def test_what_is_no_longer_wanted_leaves_and_what_others_set_stays() -> None:
    has = node(
        {"os": "linux", "pool": "a"},
        ("pool",),
        (READY, {"key": "only", "value": "a", "effect": "NoSchedule"}),
        "only=a:NoSchedule,gone:NoExecute",
    )
    found = nodes.node_changes(has, {}, [])
    assert found["untaint"] == ["only:NoSchedule-"]
    assert found["apply"]["metadata"]["labels"] == {}


def test_another_value_replaces_the_old_one() -> None:
    taint = {"key": "only", "value": "a", "effect": "NoSchedule"}
    has = node({"pool": "b"}, ("pool",), (taint,), "only=a:NoSchedule")
    found = nodes.node_changes(has, {"pool": "a"}, ["only=b:NoSchedule"])
    assert (found["taint"], found["untaint"]) == (["only=b:NoSchedule"], [])
    assert found["apply"]["metadata"]["labels"] == {"pool": "a"}


def test_a_label_that_somebody_else_set_to_the_same_is_taken_over() -> None:
    assert nodes.node_changes(node({"pool": "a"}, ()), {"pool": "a"}, [])["apply"] != {}


def test_ansible_hands_over_what_a_task_has(tmp_path: Path) -> None:
    """Its mappings and lists are its own: they are not Python's in all that they do."""
    has = node({"pool": "a"}, ("pool",), ({"key": "only", "effect": "NoExecute"},), "only:NoExecute")
    call = "{{ found.stdout | from_json | bastide.nodes.node_changes(labels, taints) }}"
    given = {
        "found": {"stdout": json.dumps(has)},
        "labels": {"pool": "{{ 'a' }}"},
        "taints": "{{ ['only:NoExecute'] + [] }}",
        "changes": call,
    }
    wants = "changes == {'taint': [], 'untaint': [], 'apply': {}}"
    task = {"name": "Compare", "ansible.builtin.assert": {"that": wants}, "vars": given}
    ran = run_tasks(tmp_path, [task])
    assert ran.status == 0, ran.output
    given["labels"] = {}
    assert run_tasks(tmp_path, [task]).status != 0
