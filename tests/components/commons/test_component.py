"""The commons block as registered."""

from __future__ import annotations

from components.commons.args import CommonsArgs
from components.commons.component import Commons
from components.model.loading import EnvironmentModel
from tests.support.registrations import Recording, record

API = "admissionregistration.k8s.io/v1"
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"


def commons(model: EnvironmentModel, protect: bool = False) -> Recording:
    admission = [
        {
            "apiVersion": API,
            "kind": BINDING,
            "metadata": {"name": f"{name}-all"},
            "spec": {"policyName": name},
        }
        for name in ("b", "a")
    ] + [{"apiVersion": API, "kind": POLICY, "metadata": {"name": name}, "spec": {}} for name in ("a", "b")]
    args = CommonsArgs(
        environment="twin", platform=model.platform, admission=tuple(admission), protect=protect
    )
    return record(lambda: Commons("commons", args))


def test_each_binding_follows_its_policy(model: EnvironmentModel) -> None:
    bindings = commons(model).kind(BINDING)
    assert {found.inputs["spec"]["policyName"]: found.after for found in bindings} == {
        name: frozenset({f"validatingadmissionpolicy/{name}"}) for name in ("a", "b")
    }


def test_guards_follow_the_namespace(model: EnvironmentModel) -> None:
    inside = [
        found for found in commons(model).resources if found.inputs.get("metadata", {}).get("namespace")
    ]
    assert len(inside) == 4
    assert all("namespace/bastide-system" in found.after for found in inside)


def test_the_namespace_and_its_guards_are_protected_where_asked(model: EnvironmentModel) -> None:
    protected = {found.name for found in commons(model, protect=True).resources if found.protect}
    assert protected == {
        "namespace/bastide-system",
        "resourcequota/bastide-system/quota",
        "limitrange/bastide-system/limits",
        "networkpolicy/bastide-system/default-deny",
        "networkpolicy/bastide-system/allow-dns",
    }
    assert not [found for found in commons(model).resources if found.protect]


def test_outputs_name_what_is_there(model: EnvironmentModel) -> None:
    outputs = commons(model).outputs["commons"]
    assert outputs["admissionPolicies"] == ["a", "b"]
    assert outputs["runtimeClasses"] == ["gvisor", "kata-clh", "kata-fc"]
    assert outputs["namespaces"] == ["bastide-system"]
