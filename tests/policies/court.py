"""A rule's policy on a real API server, bound to namespaces of one test only."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from components import naming
from components.cluster import ApiError, Cluster
from components.kubernetes import Manifest
from policies import admission
from policies.exceptions import Exceptions
from policies.rule import Rule
from tests.policies.test_rules import cases
from tests.support.plane import Plane

STRICT = {"fieldValidation": "Strict"}
MARK = "test.bastide.dev/rule"
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


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
        if reference := binding["spec"].get("paramRef"):
            reference["name"] = self._namespace("params", cases(self.rule)["params"])
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
            self.cluster.request("POST", collection(placed), placed, params={"dryRun": "All", **STRICT})
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
        while (refusal := self.refusal(denied)) == "" or "failed to configure" in refusal:
            assert time.monotonic() < deadline, f"{self.policy} never came into effect"
            time.sleep(0.1)

    def _only_ours(self) -> str:
        """Names of other kinds may be made by the API; those of cluster-wide kinds are ours."""
        kinds = ", ".join(f"'{kind}'" for kind in sorted(CLUSTER_WIDE))
        return f"!(object.kind in [{kinds}]) || object.metadata.name.startsWith('{self.mark}-')"

    def _namespace(self, tenant: str, notes: Mapping[str, str] | None = None) -> str:
        name = f"{self.mark}-{tenant or 'none'}"
        path = f"/api/v1/namespaces/{name}"
        if path in self._made:
            return name
        labels = {MARK: self.mark, "pod-security.kubernetes.io/enforce": "privileged"}
        labels |= {naming.TENANT: tenant} if tenant else {}
        metadata = {"name": name, "labels": labels, "annotations": dict(notes or {})}
        about = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
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


def collection(manifest: Manifest) -> str:
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
