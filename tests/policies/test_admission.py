"""Both forms of a rule give the same verdict on every case: the pack's and the real API server's.

Each rule's policy is installed by itself, bound to namespaces of this test only, and each case is sent as a
dry-run create. Objects that the API refuses for a reason of its own fail the test: they prove nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import naming
from components.cluster import ApiError, Cluster
from components.kubernetes import Manifest, type_token
from policies import admission
from policies.charter import Charter
from policies.exceptions import Exceptions, load
from policies.registry import rules
from policies.rule import Rule
from tests.policies.test_rules import cases
from tests.support.plane import Plane

pytestmark = pytest.mark.plane

MARK = "test.bastide.dev/rule"
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
ADMITTED = [rule for rule in rules() if admission.path(rule).exists()]


class Court:
    """One rule's policy on the API server, judging only what this court sends."""

    def __init__(self, cluster: Cluster, rule: Rule, exceptions: Exceptions, mark: str) -> None:
        self.cluster, self.rule, self.exceptions, self.mark = cluster, rule, exceptions, mark
        self.policy = f"{self.mark}-{rule.id}"
        self._made: list[str] = []

    def open(self) -> None:
        policy = admission.policy(self.rule, {}, self.exceptions)
        policy["metadata"]["name"] = self.policy
        policy["spec"]["matchConditions"].append({"name": "court", "expression": self._only_ours()})
        self._create("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", policy)

    def sit(self) -> None:
        """Bind the policy: from soon on it judges."""
        binding = admission.binding(self.rule, {})
        binding["metadata"]["name"] = binding["spec"]["policyName"] = self.policy
        binding["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": {MARK: self.mark}}}
        self._create("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings", binding)

    def close(self) -> None:
        for path in reversed(self._made):
            self.cluster.request("DELETE", path)

    def refusal(self, case: Manifest, also: str = "") -> str:
        """What the policy answers to a case: its message, or nothing.

        Any other refusal is an error, unless it says `also`.
        """
        placed = self.place(case)
        try:
            self.cluster.request("POST", _collection(placed), placed, params={"dryRun": "All"})
        except ApiError as error:
            if f"ValidatingAdmissionPolicy '{self.policy}'" in error.message:
                return error.message
            if also and also in error.message:
                return f"{self.rule.id}: {self.rule.url}: the API server itself: {error.message}"
            raise
        return ""

    def place(self, case: Manifest) -> Manifest:
        """The case in a namespace of this court, or, where it has none, under a name of this court."""
        tenant = (case["metadata"].get("labels") or {}).get(naming.TENANT, "")
        placed: Manifest = json.loads(json.dumps(case))
        if case["kind"] in CLUSTER_WIDE:
            placed["metadata"]["name"] = f"{self.mark}-{placed['metadata']['name']}"
            if case["kind"] == "Namespace":
                placed["metadata"].setdefault("labels", {})[MARK] = self.mark
            return placed
        home = self._namespace(tenant)
        placed["metadata"]["namespace"] = home
        for subject in placed.get("subjects", ()):
            if subject.get("namespace") == "here":
                subject["namespace"] = home
        return placed

    def await_effect(self, denied: Manifest) -> None:
        self.sit()
        deadline = time.monotonic() + 30
        while not self.refusal(denied):
            assert time.monotonic() < deadline, f"{self.policy} never came into effect"
            time.sleep(0.1)

    def _only_ours(self) -> str:
        """Names of other kinds may be made by the API; those of cluster-wide kinds are ours."""
        kinds = ", ".join(f"'{kind}'" for kind in sorted(CLUSTER_WIDE))
        return f"!(object.kind in [{kinds}]) || object.metadata.name.startsWith('{self.mark}-')"

    def _namespace(self, tenant: str) -> str:
        name = f"{self.mark}-{tenant or 'none'}"
        path = f"/api/v1/namespaces/{name}"
        if path in self._made:
            return name
        labels = {MARK: self.mark, "pod-security.kubernetes.io/enforce": "privileged"}
        labels |= {naming.TENANT: tenant} if tenant else {}
        about = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self._create("/api/v1/namespaces", about)
        for account in ("app", "default"):
            self._account(name, account)
        return name

    def _account(self, namespace: str, name: str) -> None:
        about = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        try:
            self.cluster.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", about)
        except ApiError as error:
            if error.reason != "AlreadyExists":  # the controllers make `default`, too
                raise

    def _create(self, collection: str, manifest: Manifest) -> None:
        self.cluster.request("POST", collection, manifest)
        self._made.append(f"{collection}/{manifest['metadata']['name']}")


def _collection(manifest: Manifest) -> str:
    rule = admission.resource_rules([f"{manifest['apiVersion']}/{manifest['kind']}"])[0]
    root = "/api/v1" if manifest["apiVersion"] == "v1" else f"/apis/{manifest['apiVersion']}"
    resource = min(rule["resources"], key=len)
    namespace = manifest["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{resource}" if namespace else f"{root}/{resource}"


def new_mark() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


@contextmanager
def court(plane: Plane, rule: Rule, exceptions: Exceptions | None = None, mark: str = "") -> Iterator[Court]:
    with plane.cluster() as cluster:
        made = Court(cluster, rule, exceptions or Exceptions(), mark or new_mark())
        try:
            made.open()
            yield made
        finally:
            made.close()


@pytest.mark.parametrize("rule", ADMITTED, ids=lambda rule: rule.id)
def test_the_api_server_gives_the_same_verdict(plane: Plane, rule: Rule) -> None:
    own = cases(rule)
    denied = [(case["object"], case.get("api", "")) for case in own["denied"]]
    with court(plane, rule) as judge:
        judge.await_effect(denied[0][0])
        asked = [*((case, "") for case in own["allowed"]), *denied]
        verdicts = [(case, judge.refusal(case, also)) for case, also in asked]
    assert len(verdicts) == len(own["allowed"]) + len(own["denied"])
    for case, refusal in verdicts:
        type_ = type_token(case["apiVersion"], case["kind"])
        in_preview = Charter(rules=[rule]).object(rule, type_, case)
        assert bool(refusal) == bool(in_preview), f"{case}\npreview: {in_preview}\nadmission: {refusal!r}"
        assert not refusal or f"{rule.id}: " in refusal
        assert not refusal or rule.url in refusal


@pytest.mark.parametrize(("day", "excused"), [(date(2026, 6, 1), True), (date(2026, 6, 2), False)])
def test_an_exception_excuses_in_both_forms_until_it_expires(
    plane: Plane, tmp_path: Path, day: date, excused: bool
) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == "image-digests")
    pod = cases(rule)["denied"][0]["object"]
    mark = new_mark()
    entry = {
        "rule": rule.id,
        "kinds": ["Pod"],
        "namespace": f"{mark}-none",
        "name": "vendor-*",
        "owner": "owner@acme.example",
        "reason": "The vendor publishes no digest",
        "expires": date(2026, 6, 1),
    }
    file = tmp_path / "exceptions.yaml"
    file.write_text(yaml.safe_dump([entry]))
    exceptions = load(file, day)
    assert [f"expired on {entry['expires']}" in problem for problem in exceptions.problems] == [True] * (
        not excused
    )
    with court(plane, rule, exceptions, mark) as judge:
        judge.await_effect(pod)
        for name, denied in (("vendor-1", not excused), ("other", True)):
            named = {**pod, "metadata": {"name": name}}
            placed = judge.place(named)
            assert (
                bool(Charter(exceptions=exceptions).object(rule, "kubernetes:core/v1:Pod", placed)) is denied
            )
            assert bool(judge.refusal(named)) is denied


def test_the_largest_objects_are_within_the_budget_of_cel(plane: Plane) -> None:
    rule = next(rule for rule in ADMITTED if rule.id == "no-secret-literals")
    prose = "a task-list of ghosts: https://models.example:8443/v1 hf_ xox AKIA .eyJ glpat- PRIVATE KEY\n"
    large = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {}}
    one_value = {**large, "data": {"text": prose * (1_000_000 // len(prose))}}
    many_values = {**large, "data": {f"key-{index}": prose[:80] for index in range(8000)}}
    with court(plane, rule) as judge:
        judge.await_effect(
            next(c["object"] for c in cases(rule)["denied"] if c["object"]["kind"] == "ConfigMap")
        )
        for manifest in (one_value, many_values):
            assert Charter(rules=[rule]).object(rule, "kubernetes:core/v1:ConfigMap", manifest) == []
            assert judge.refusal(manifest) == ""


def test_an_object_on_its_way_out_can_go(plane: Plane) -> None:
    """Its finalizers are taken away by updates, which a later policy must not refuse."""
    rule = next(rule for rule in ADMITTED if rule.id == "no-secret-literals")
    bad = next(case["object"] for case in cases(rule)["denied"] if case["object"]["kind"] == "ConfigMap")
    with court(plane, rule) as judge:
        placed = judge.place(bad)
        path = f"{_collection(placed)}/{placed['metadata']['name']}"
        placed["metadata"]["finalizers"] = ["test.bastide.dev/held"]
        judge.cluster.request("POST", _collection(placed), placed)
        judge.await_effect({**bad, "metadata": {"name": "canary"}})
        with pytest.raises(ApiError, match=rule.id):
            _patch(judge.cluster, path, {"metadata": {"labels": {"a": "b"}}})
        judge.cluster.request("DELETE", path)
        _patch(judge.cluster, path, {"metadata": {"finalizers": None}})
        with pytest.raises(ApiError, match="not found"):
            judge.cluster.get(path)


def _patch(cluster: Cluster, path: str, patch: Any) -> None:
    cluster.request("PATCH", path, patch, content_type="application/merge-patch+json")
