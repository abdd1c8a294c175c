"""The provider's pure parts: differences, pruning, ownership, paths, readiness, redaction, order."""

from __future__ import annotations

import base64
import textwrap
from typing import Any

import pytest

from twin.plugins.kubernetes import fields, jsonpath, manifests, readiness
from twin.plugins.kubernetes.difference import Change, compare, parse_path, show_path
from twin.plugins.kubernetes.kinds import Kind, fixed_fields, kind_of_type
from twin.plugins.kubernetes.settings import Settings, SettingsError, choose, load_kubeconfig
from twin.plugins.kubernetes.values import (
    UNKNOWN,
    Redactor,
    conceal,
    has_unknown,
    pack,
    plain,
    secret,
    unpack,
)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"a": Change.UPDATE}),
        ({"a": {"b": 1}}, {"a": {}}, {"a.b": Change.DELETE}),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}, 4]}, {"a[1].b": Change.UPDATE, "a[2]": Change.ADD}),
        ({}, {"d.e": {"f": 1}}, {'["d.e"]': Change.ADD}),
        ({"a": "x"}, {"a": UNKNOWN}, {"a": Change.UPDATE}),
        ({"spec": {"hard": {"cpu": "1000m"}}}, {"spec": {"hard": {"cpu": 1}}}, {}),
        ({"spec": {"hard": {"memory": "1Gi"}}}, {"spec": {"hard": {"memory": "1024Mi"}}}, {}),
        ({"data": {"version": "1.10"}}, {"data": {"version": "1.1"}}, {"data.version": Change.UPDATE}),
        (
            {"metadata": {"labels": {"v": "1e1"}}},
            {"metadata": {"labels": {"v": "10"}}},
            {"metadata.labels.v": Change.UPDATE},
        ),
    ],
)
def test_differences(old: dict[str, Any], new: dict[str, Any], changes: dict[str, Change]) -> None:
    assert compare(old, new, ()).changes == changes


def test_replacements_and_ignored_paths() -> None:
    old = {"spec": {"template": {"a": [1]}, "replicas": 1}}
    new = {"spec": {"template": {"a": [2]}, "replicas": 2}}
    assert compare(old, new, ("spec.template",)).replaces == ("spec.template.a[0]",)
    assert compare({}, new, ("spec.template",)).replaces == ("spec",)
    assert compare({}, {"spec": {"replicas": 1}}, ("spec.template",)).replaces == ()
    assert compare(old, new, ("spec.template",), ("spec.template", "spec.replicas")).changes == {}
    assert compare(old, new, (), ("spec[*]",)).changes == {}


def test_paths_there_and_back() -> None:
    for text in ("a.b[0].c", 'metadata.annotations["pulumi.com/x"]', '["a.b"].c'):
        assert show_path(parse_path(text)) == text


def test_types_and_their_fixed_fields() -> None:
    assert kind_of_type("kubernetes:core/v1:Pod") == Kind("v1", "Pod")
    assert kind_of_type("kubernetes:apps/v1:DeploymentPatch") == Kind("apps/v1", "Deployment", patch=True)
    assert kind_of_type("kubernetes:example.com/v1:SecurityPatch") == Kind("example.com/v1", "SecurityPatch")
    with pytest.raises(ValueError, match="kubernetes:apps/v1:Deployment"):
        kind_of_type("aws:s3:Bucket")
    config_map = Kind("v1", "ConfigMap")
    assert "data" in fixed_fields(config_map, {})
    assert "data" not in fixed_fields(config_map, {}, mutable_config_maps=True)
    assert "data" in fixed_fields(config_map, {"immutable": True}, mutable_config_maps=True)


def test_pruning_keeps_the_programs_spelling_where_nothing_changed() -> None:
    live = {"spec": {"limits": {"cpu": "1"}, "items": [{"a": 1, "more": 2}, {"other": 1}], "added": 1}}
    inputs = {
        "spec": {"limits": {"cpu": "1000m"}, "items": [{"a": 5}], "empty": [], "false": False, "gone": 3}
    }
    wanted = {"spec": {"limits": {"cpu": "1000m"}, "items": [{"a": 1}], "empty": [], "false": False}}
    assert fields.prune(live, inputs) == wanted


def _owned(manager: str, operation: str, owned: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": owned}


def test_inputs_of_an_object_found_in_the_cluster() -> None:
    ports = {'k:{"port":80}': {".": {}, "f:port": {}, "f:name": {}}}
    owned = {"f:metadata": {"f:finalizers": {'v:"a"': {}}}, "f:spec": {"f:ports": ports}}
    live = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "s",
            "finalizers": ["a", "b"],
            "uid": "u",
            "managedFields": [_owned("kubectl", "Apply", owned)],
        },
        "spec": {
            "ports": [{"port": 79, "name": "other"}, {"port": 80, "name": "web", "protocol": "TCP"}],
            "clusterIP": "x",
        },
        "status": {},
    }
    found = fields.declared(live)
    assert found["spec"] == {"ports": [{"port": 80, "name": "web"}]}
    assert found["metadata"] == {"name": "s", "finalizers": ["a"]}
    live["metadata"]["managedFields"] = [_owned("curl", "Update", owned)]  # type: ignore[index]
    everything = fields.declared(live)
    assert "status" not in everything
    assert everything["metadata"] == {"name": "s", "finalizers": ["a", "b"]}
    assert everything["spec"] == live["spec"]


def test_fields_of_a_client_that_did_not_apply_are_taken_over() -> None:
    entries = [
        _owned("kubectl-create", "Update", {"f:data": {"f:a": {}}}),
        _owned("other", "Update", {"f:data": {"f:b": {}}}),
        _owned("mine", "Apply", {"f:data": {"f:c": {}}}),
    ]
    live = {"metadata": {"name": "x", "resourceVersion": "7", "managedFields": entries}}
    assert fields.client_side_entries(live, "mine")
    replaced, version = fields.taken_over(live, "mine")
    assert version["value"] == "7"
    assert [(entry["manager"], entry["operation"]) for entry in replaced["value"]] == [
        ("other", "Update"),
        ("mine", "Apply"),
    ]
    assert replaced["value"][1]["fieldsV1"] == {"f:data": {"f:a": {}, "f:c": {}}}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath=.status.phase", True),
        ("jsonpath={.status.absent}", False),
        ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', True),
        ("jsonpath={.status.conditions[0].type}=Ready", True),
        ("jsonpath={.status.conditions[*].status}=True", False),
        ("jsonpath={.metadata.annotations['a.b/c']}=d", True),
        ("jsonpath={.metadata.annotations.a\\.b/c}=d", True),
    ],
)
def test_json_paths(expression: str, holds: bool) -> None:
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Idle", "status": "False"}]
    subject = {
        "metadata": {"annotations": {"a.b/c": "d"}},
        "status": {"phase": "Running", "conditions": conditions},
    }
    assert jsonpath.parse(expression).holds(subject) is holds


@pytest.mark.parametrize("expression", ["jsonpath=", "jsonpath={.a", "jsonpath={.a[}=1"])
def test_json_paths_that_are_none(expression: str) -> None:
    with pytest.raises(ValueError, match="is no path like"):
        jsonpath.parse(expression)


def test_rollouts() -> None:
    live: dict[str, Any] = {
        "metadata": {"generation": 2},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
    }
    assert not readiness.deployment(live).ready
    live["status"]["observedGeneration"] = 2
    assert readiness.deployment(live).ready
    live["status"]["replicas"] = 3
    assert not readiness.deployment(live).ready
    exceeded = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "late",
    }
    live["status"]["conditions"] = [exceeded]
    verdict = readiness.deployment(live)
    assert verdict.failed
    assert "late" in verdict.reason
    held = {**live, "spec": {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}}
    held["status"] = {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 1}
    assert readiness.stateful_set(held).ready


def test_a_failing_pod_says_why() -> None:
    waiting = {
        "name": "main",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
    }
    pod = {"status": {"phase": "Pending", "containerStatuses": [waiting]}}
    assert "ImagePullBackOff: no such image" in readiness.pod(pod).reason


def test_redaction_covers_every_form() -> None:
    redact = Redactor(
        {"kind": "Secret", "data": {"a": base64.b64encode(b"s3cret").decode()}, "x": secret("v4lue")}
    )
    encoded = base64.b64encode(b"s3cret").decode()
    assert redact(f"s3cret {encoded} v4lue Secret") == "[secret] [secret] [secret] Secret"


def test_values_cross_the_wire_whole() -> None:
    value = {"a": 1, "b": [1.5, None, {"c": secret({"d": 2})}], "e": UNKNOWN}
    assert unpack(pack(value)) == value
    assert plain(value) == {"a": 1, "b": [1.5, None, {"c": {"d": 2}}], "e": UNKNOWN}
    assert has_unknown(value)
    assert conceal({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": secret(1)}, "l": [secret(1)]}) == {
        "a": {"b": secret(1), "c": 2},
        "l": secret([1]),
    }


def test_manifests_in_order() -> None:
    text = """
    {apiVersion: example.com/v1, kind: Thing, metadata: {name: t, namespace: n}}
    ---
    {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: d},
     spec: {group: example.com, names: {kind: Thing}}}
    ---
    {apiVersion: v1, kind: Namespace, metadata: {name: n}}
    """
    layers = manifests.layers(manifests.parse(textwrap.dedent(text), "text"))
    assert [[item["kind"] for item, _ in layer] for layer in layers] == [
        ["CustomResourceDefinition", "Namespace"],
        ["Thing"],
    ]
    with pytest.raises(manifests.ManifestError, match="text, line 2"):
        manifests.parse("a: b\nc: [", "text")
    with pytest.raises(manifests.ManifestError, match="kind and apiVersion"):
        manifests.parse("a: b", "text")


def test_kubeconfigs_are_merged_and_chosen_from(tmp_path: Any) -> None:
    def write(name: str, server: str, current: str) -> str:
        path = tmp_path / name
        path.write_text(
            f"current-context: {current}\nclusters: [{{name: c, cluster: {{server: {server}, "
            f"certificate-authority: ca.pem}}}}]\n"
            f"contexts: [{{name: {name}, context: {{cluster: c, namespace: {name}}}}}]\n"
        )
        return str(path)

    both = f"{write('one', 'https://one', 'one')}:{write('two', 'https://two', 'two')}"
    config = load_kubeconfig("", {"KUBECONFIG": both})
    target = choose(Settings(), config)
    assert (target.context, target.server, target.namespace) == ("one", "https://one", "one")
    assert choose(Settings(context="two"), config).namespace == "two"
    assert config["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca.pem")
    with pytest.raises(SettingsError, match="'three' is not in the kubeconfig, which has one, two"):
        choose(Settings(context="three"), config)
