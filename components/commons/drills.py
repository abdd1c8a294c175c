"""Drills: the charter is in force at admission."""

from __future__ import annotations

import re
from typing import Any

from components import naming, probe
from components.cluster import Cluster, Identity
from components.commons.values import ADMIN
from components.drill import Answer, Drill
from components.manifests import RBAC, namespace
from components.model import PlatformOutputs

_API = "/apis/admissionregistration.k8s.io/v1"
_KIND = re.compile(r"^(\S+, Kind=\w+): ERROR", re.MULTILINE)


def drills(platform: PlatformOutputs) -> tuple[Drill, ...]:
    """The policies are bound and sound; a namespace that belongs to nobody is refused."""
    return _admission(platform), _unlabelled(platform)


def _admission(platform: PlatformOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        promised = set(platform.admission_policies)
        bindings = cluster.items(f"{_API}/validatingadmissionpolicybindings")
        denying = {
            found["spec"]["policyName"]
            for found in bindings
            if "Deny" in found["spec"].get("validationActions", [])
        }
        policies = {
            found["metadata"]["name"]: found for found in cluster.items(f"{_API}/validatingadmissionpolicies")
        }
        missing = sorted(promised - (denying & policies.keys()))
        open_kinds = _stand_ins(cluster)
        unsound = sorted(name for name in promised & policies.keys() if _warned(policies[name]) - open_kinds)
        if missing or unsound:
            return Answer(text=f"not in force: {missing}; with type errors: {unsound}", passed=False)
        return Answer(text=f"{len(promised)} policies in force, each bound with Deny", passed=bool(promised))

    return Drill(
        id="commons.admission",
        target=platform.environment,
        covers=("P1",),
        asked="the API lists admission policies and their bindings",
        expected="every policy of the charter is there, sound, and bound with Deny",
        probe=ask,
    )


def _warned(policy: dict[str, Any]) -> set[str]:
    """The kinds, as `group/version, Kind=Kind`, on which the API server found an expression's types wrong."""
    found = policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings") or []
    return {kind for each in found for kind in _KIND.findall(each["warning"])}


def _stand_ins(cluster: Cluster) -> set[str]:
    """The kinds whose definition is a stand-in: it names no field, so that every field has a wrong type."""
    definitions = cluster.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    return {
        f"{found['spec']['group']}/{version['name']}, Kind={found['spec']['names']['kind']}"
        for found in definitions
        if naming.STAND_IN in found["metadata"].get("annotations", {})
        for version in found["spec"]["versions"]
    }


def _unlabelled(platform: PlatformOutputs) -> Drill:
    def ask(cluster: Cluster) -> Answer:
        person = _administrator(cluster)
        name = probe.unique("drill")
        labels = naming.labels(
            environment=platform.environment,
            layer="drill",
            block="tenancy",
            tenant=name,
            purpose="drill",
            cost_center="drill",
        )
        labels[naming.DATA_CLASS] = platform.data_classes[0]
        options = {"params": probe.DRY_RUN, "identity": person}
        path = "/api/v1/namespaces"
        owned = namespace(name, labels, platform.owner)
        if (control := probe.refusal(cluster, "POST", path, owned, **options)) is not None:
            return Answer(text=f"a labelled namespace was refused too: {control.message}", passed=False)
        bare = namespace(name, {}, platform.owner)
        # A fresh policy takes the API server a moment to learn.
        error = probe.wait_for(lambda: probe.refusal(cluster, "POST", path, bare, **options), seconds=5)
        if error is None:
            return Answer(text="a namespace without tenant labels was accepted", passed=False)
        return Answer(text=error.message, passed="ValidatingAdmissionPolicy" in error.message)

    return Drill(
        id="commons.unlabelled-namespace",
        target=platform.environment,
        covers=("P1", "T1"),
        asked="a platform administrator creates a namespace with tenant labels, and one without",
        expected="the first is accepted, an admission policy refuses the second",
        probe=ask,
    )


def _administrator(cluster: Cluster) -> Identity:
    """A member of the first group that holds the platform administrator's role."""
    subjects = cluster.get(f"/apis/{RBAC}/v1/clusterrolebindings/{ADMIN}")["subjects"]
    return probe.member(*(subject["name"] for subject in subjects[:1]))
